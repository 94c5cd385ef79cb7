// SPDX-License-Identifier: MIT OR Apache-2.0

// Package diff says which functions explain why two sets of profiles differ.
//
// All values are for one run: what the profiles of a side come to, divided by the
// number of runs that they are of. A function's flat cost is its own, its cumulative
// cost is also that of all it calls (as pprof has the words).
package diff

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pprof "github.com/google/pprof/profile"

	"arcbox.dev/bench/profile/folder"
)

// Costs are what profiles come to in one of their sample types.
type Costs struct {
	Type string // "cpu", "alloc_space", "delay"
	Unit string // "nanoseconds", "bytes", "count"
	Runs int    // that the profiles are of

	Total     float64         // for one run
	Events    float64         // how many times anything was observed; 0 is unknown
	Functions map[string]Cost // by name
	calls     call            // the tree of all calls
}

// Cost is what one function comes to in one run.
type Cost struct {
	Flat, Cum float64
	// Events is how many times Flat was observed, in all runs together; 0 is unknown.
	Events float64
}

// Measure adds profiles up: one result for each of their sample types, in their order.
func Measure(profiles []*pprof.Profile) ([]Costs, error) {
	if len(profiles) == 0 {
		return nil, errors.New("measuring profiles: there are none")
	}
	types := profiles[0].SampleType
	runs := 0
	for _, p := range profiles {
		if !slices.EqualFunc(p.SampleType, types, sameType) {
			return nil, fmt.Errorf("measuring profiles: %s and %s cannot be added up", names(types), names(p.SampleType))
		}
		runs += folder.Runs(p)
	}
	all := make([]Costs, len(types))
	for i, t := range types {
		c := Costs{Type: t.Type, Unit: t.Unit, Runs: runs, Functions: map[string]Cost{}}
		for _, p := range profiles {
			c.add(p, i)
		}
		c.divide(float64(runs))
		all[i] = c
	}
	return all, nil
}

func sameType(a, b *pprof.ValueType) bool { return a.Type == b.Type && a.Unit == b.Unit }

func names(types []*pprof.ValueType) string {
	var list []string
	for _, t := range types {
		list = append(list, t.Type)
	}
	return strings.Join(list, "+")
}

// divide makes sums over all runs those of one.
func (c *Costs) divide(runs float64) {
	c.Total /= runs
	for name, cost := range c.Functions {
		cost.Flat /= runs
		cost.Cum /= runs
		c.Functions[name] = cost
	}
	c.calls.divide(runs)
}

// add adds a profile's values of the sample type with that index.
func (c *Costs) add(p *pprof.Profile, index int) {
	events := observed(p)
	for _, s := range p.Sample {
		stack := functions(s)
		if waits(c.Type) {
			stack = waiter(stack)
		}
		value := float64(s.Value[index])
		c.Total += value
		if len(stack) == 0 {
			continue
		}
		own := c.Functions[stack[0]]
		own.Flat += value
		own.Events += events(s)
		c.Events += events(s)
		c.Functions[stack[0]] = own
		seen := map[string]bool{}
		for _, f := range stack {
			if !seen[f] { // a function that calls itself counts once
				seen[f] = true
				cost := c.Functions[f]
				cost.Cum += value
				c.Functions[f] = cost
			}
		}
		c.calls.add(stack, value)
	}
}

// functions lists a sample's stack, the innermost function first.
func functions(s *pprof.Sample) []string {
	var stack []string
	for _, l := range s.Location {
		for _, line := range l.Line { // of inlined calls the innermost comes first
			if line.Function != nil && line.Function.Name != "" {
				stack = append(stack, plain(line.Function.Name))
			}
		}
		if len(l.Line) == 0 {
			stack = append(stack, fmt.Sprintf("%#x", l.Address))
		}
	}
	return stack
}

// plain makes the instances of a generic function one, as pprof does.
func plain(function string) string {
	from, to := strings.IndexByte(function, '['), strings.LastIndexByte(function, ']')
	if from < 0 || to < from {
		return function
	}
	return function[:from] + "[...]" + function[to+1:]
}

// waits says whether values of the type are of waiting.
func waits(sampleType string) bool { return sampleType == "delay" || sampleType == "contentions" }

// waiter drops the innermost functions of a wait, which are those of the runtime and
// of locks: they are how one waits and never who does.
func waiter(stack []string) []string {
	for i, f := range stack {
		if !slices.Contains([]string{"runtime", "sync", "internal/sync"}, packageOf(f)) {
			return stack[i:]
		}
	}
	return stack
}

// packageOf is the import path in a function's name: "net/http" of
// "net/http.(*Server).Serve".
func packageOf(function string) string {
	slash := strings.LastIndexByte(function, '/') + 1
	name, _, _ := strings.Cut(function[slash:], ".")
	return function[:slash] + name
}
