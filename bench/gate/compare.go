// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"strings"

	"arcbox.dev/bench/record"
)

// The label of a benchmark's name that tells the sides apart, and its values.
const (
	Label = "rev"
	Old   = "old"
	New   = "new"
)

// side takes the label that tells the sides apart out of a benchmark's name. It is ""
// for a name that has none.
func side(name string) (rest, side string) {
	parts := strings.Split(name, "/")
	kept := parts[:0]
	for _, part := range parts {
		if value, ok := strings.CutPrefix(part, Label+"="); ok && (value == Old || value == New) {
			side = value
		} else {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, "/"), side
}

// Compare pairs the samples of the two sides by benchmark, unit and round. Several of
// one round are paired in their order, and so are all where no round is known. A
// sample without a partner is dropped, but its comparison is there, if need be
// without a pair: what is measured on one side only shall not go unseen. Samples
// of neither side are left out. Comparisons stand in the order of their first samples.
func Compare(samples []record.Sample, units []record.Unit) []Comparison {
	known := map[string]record.Unit{}
	for _, u := range units {
		known[u.Name] = u
	}
	type metric struct{ name, unit string }
	var metrics []metric
	rounds := map[metric][]*round{} // in the order of their first samples
	for _, s := range samples {
		name, side := side(s.Name)
		if side == "" {
			continue
		}
		for _, v := range s.Values {
			m := metric{name, v.Unit}
			if rounds[m] == nil {
				metrics = append(metrics, m)
			}
			rounds[m] = add(rounds[m], s.Round, side, v.Value)
		}
	}
	comparisons := make([]Comparison, len(metrics))
	for i, m := range metrics {
		c := Comparison{Name: m.name, Unit: known[m.unit]}
		c.Unit.Name = m.unit
		for _, r := range rounds[m] {
			pairs := min(len(r.old), len(r.new))
			c.Old = append(c.Old, r.old[:pairs]...)
			c.New = append(c.New, r.new[:pairs]...)
		}
		comparisons[i] = c
	}
	return comparisons
}

// round is what one round measured of one metric.
type round struct {
	number   int
	old, new []float64
}

// add puts a value into its round, most likely the last one.
func add(rounds []*round, number int, side string, value float64) []*round {
	i := len(rounds) - 1
	for i >= 0 && rounds[i].number != number {
		i--
	}
	if i < 0 {
		rounds = append(rounds, &round{number: number})
		i = len(rounds) - 1
	}
	if r := rounds[i]; side == Old {
		r.old = append(r.old, value)
	} else {
		r.new = append(r.new, value)
	}
	return rounds
}
