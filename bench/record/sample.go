// SPDX-License-Identifier: MIT OR Apache-2.0

// Package record keeps raw samples in the Go benchmark format, which benchstat and
// the other tools of golang.org/x/perf read.
//
// One file is one run: configuration lines that say on which host, from which
// commit and by which command, then one line a sample, written with one system
// call as soon as it is taken. Whatever kills the writer costs at most the sample
// in flight, and a reader takes no notice of a last line without its end.
// The format is https://golang.org/design/14313-benchmark-format; what our files
// hold is described in results/SCHEMA.md.
package record

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
)

// Sample is what one run of one benchmark measured.
type Sample struct {
	Name   string // "Boot/target=uml/kernel=lean"; see Name
	Iters  int    // runs that the values are averaged over; 1 for a raw sample
	Values []Value

	// Round is the round of the run in which it was taken, counted from 1; 0 is
	// unknown. Samples of one round were taken close together.
	Round int
	// Disturbed says what else the machine was busy with meanwhile; "" is nothing.
	Disturbed string
}

// Value is one measured value.
type Value struct {
	Value float64
	Unit  string // "agent_ready-ns", "pss-bytes": what it is, then its unit of measure
}

// Label is a key and its value: one dimension of a name, or one configuration line.
type Label struct{ Key, Value string }

// Unit says what a value of a unit means, and which change of it matters.
type Unit struct {
	Name   string // as in Value.Unit
	Better string // "lower" or "higher"
	// Floor is the smallest relative change that matters: 0.05 is 5 %. A unit
	// without one is shown and not gated.
	Floor float64
	// Slack is the smallest absolute change that matters, in the unit's own measure.
	Slack float64
}

var (
	word      = regexp.MustCompile(`^[A-Za-z0-9._+:-]+$`)
	key       = regexp.MustCompile(`^[a-z][a-z0-9._-]*$`)
	unit      = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._/*%-]*$`)
	procs     = regexp.MustCompile(`-[0-9]+$`)
	errNoUnit = errors.New("no value")
)

// Name builds the name of a benchmark: a base, then "/key=value" for each label. A
// part that tools would read differently is an error: one with a space, a slash
// or an equals sign, or with "-1" and the like at the end, which is a GOMAXPROCS.
func Name(base string, labels ...Label) (string, error) {
	name := base
	if !word.MatchString(base) {
		return "", fmt.Errorf("naming a benchmark: %q is not one word", base)
	}
	for _, l := range labels {
		if !key.MatchString(l.Key) || !word.MatchString(l.Value) {
			return "", fmt.Errorf("naming benchmark %s: label %q=%q is not a key and one word", base, l.Key, l.Value)
		}
		name += "/" + l.Key + "=" + l.Value
	}
	if procs.MatchString(name) {
		return "", fmt.Errorf("naming benchmark %s: tools would read the end as a number of processors", name)
	}
	return name, nil
}

// Base returns the name without its labels.
func (s Sample) Base() string {
	base, _, _ := strings.Cut(s.Name, "/")
	return base
}

// Label returns the value of the name's label, or "".
func (s Sample) Label(key string) string {
	for part := range strings.SplitSeq(s.Name, "/") {
		if k, v, ok := strings.Cut(part, "="); ok && k == key {
			return v
		}
	}
	return ""
}

// Value returns the value of a unit, and whether there is one.
func (s Sample) Value(unit string) (float64, bool) {
	for _, v := range s.Values {
		if v.Unit == unit {
			return v.Value, true
		}
	}
	return 0, false
}

// annotation formats what is known about a sample rather than measured in it: a
// remark on the line before it, which tools skip. It is "" where nothing is.
func (s Sample) annotation() string {
	var parts []string
	if s.Round > 0 {
		parts = append(parts, "round="+strconv.Itoa(s.Round))
	}
	if s.Disturbed != "" {
		parts = append(parts, "disturbed="+strings.Join(strings.Fields(s.Disturbed), " "))
	}
	if len(parts) == 0 {
		return ""
	}
	return annotationPrefix + strings.Join(parts, " ") + "\n"
}

// annotationPrefix begins an annotation. What disturbed a sample comes last, as it
// may have spaces in it.
const annotationPrefix = "#: "

// annotate reads an annotation.
func (s *Sample) annotate(line string) {
	line, ok := strings.CutPrefix(line, annotationPrefix)
	if !ok {
		return
	}
	line, s.Disturbed, _ = strings.Cut(line, "disturbed=")
	for part := range strings.FieldsSeq(line) {
		if round, ok := strings.CutPrefix(part, "round="); ok {
			if n, err := strconv.Atoi(round); err == nil && n > 0 {
				s.Round = n
			}
		}
	}
}

// line formats the sample. Values are plain decimals with all their digits.
func (s Sample) line() ([]byte, error) {
	if s.Name == "" || strings.ContainsAny(s.Name, " \t\r\n") {
		return nil, fmt.Errorf("recording a sample: bad name %q", s.Name)
	}
	if len(s.Values) == 0 {
		return nil, fmt.Errorf("recording a sample of %s: %w", s.Name, errNoUnit)
	}
	b := fmt.Appendf(nil, "%sBenchmark%s %d", s.annotation(), s.Name, max(s.Iters, 1))
	for _, v := range s.Values {
		if !unit.MatchString(v.Unit) {
			return nil, fmt.Errorf("recording a sample of %s: bad unit %q", s.Name, v.Unit)
		}
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			return nil, fmt.Errorf("recording a sample of %s: %s is %v", s.Name, v.Unit, v.Value)
		}
		b = append(b, ' ')
		b = strconv.AppendFloat(b, v.Value, 'f', -1, 64)
		b = append(b, ' ')
		b = append(b, v.Unit...)
	}
	return append(b, '\n'), nil
}
