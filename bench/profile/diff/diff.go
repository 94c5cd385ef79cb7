// SPDX-License-Identifier: MIT OR Apache-2.0

package diff

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	pprof "github.com/google/pprof/profile"
)

// Pair is a value for one run on either side.
type Pair struct{ Before, After float64 }

// Change is by how much the value grew.
func (p Pair) Change() float64 { return p.After - p.Before }

// Change is what one function has of a difference.
type Change struct {
	Function  string
	Flat, Cum Pair
	// Share is the flat change's part of all functions' flat changes, which are added
	// up without their signs: from -1, less than before, to 1.
	Share float64
	// Chance: the change may well come from the sampling alone. It is a hint.
	Chance bool
}

// Difference is what changed in one sample type.
type Difference struct {
	Type, Unit string // as in Costs
	RunsBefore int
	RunsAfter  int
	Total      Pair
	Chance     bool     // as in Change, of the total
	Changes    []Change // of functions that changed, the greatest flat change first
	Path       []string // the calls that lead to most of the change, the outermost first
}

// Diff compares profiles from before a change with those from after it: one result for
// each sample type that both have. It fails if they have none in common.
func Diff(before, after []*pprof.Profile) ([]Difference, error) {
	a, err := Measure(before)
	if err != nil {
		return nil, err
	}
	b, err := Measure(after)
	if err != nil {
		return nil, err
	}
	var all []Difference
	for _, after := range b {
		i := slices.IndexFunc(a, func(c Costs) bool { return c.Type == after.Type && c.Unit == after.Unit })
		if i >= 0 {
			all = append(all, compare(a[i], after))
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("comparing profiles: %s and %s cannot be compared",
			names(before[0].SampleType), names(after[0].SampleType))
	}
	return all, nil
}

func compare(before, after Costs) Difference {
	d := Difference{
		Type: after.Type, Unit: after.Unit, RunsBefore: before.Runs, RunsAfter: after.Runs,
		Total:  Pair{before.Total, after.Total},
		Chance: chance(Cost{Flat: before.Total, Events: before.Events}, Cost{Flat: after.Total, Events: after.Events}),
		Path:   path(&before.calls, &after.calls),
	}
	var sum float64
	for _, name := range union(before.Functions, after.Functions) {
		a, b := before.Functions[name], after.Functions[name]
		c := Change{Function: name, Flat: Pair{a.Flat, b.Flat}, Cum: Pair{a.Cum, b.Cum}, Chance: chance(a, b)}
		if c.Flat.Change() != 0 || c.Cum.Change() != 0 {
			d.Changes = append(d.Changes, c)
			sum += math.Abs(c.Flat.Change())
		}
	}
	if sum > 0 {
		for i := range d.Changes {
			d.Changes[i].Share = d.Changes[i].Flat.Change() / sum
		}
	}
	slices.SortFunc(d.Changes, func(x, y Change) int {
		return cmp.Or(
			cmp.Compare(math.Abs(y.Flat.Change()), math.Abs(x.Flat.Change())),
			cmp.Compare(math.Abs(y.Cum.Change()), math.Abs(x.Cum.Change())),
			cmp.Compare(x.Function, y.Function))
	})
	return d
}

// union lists the keys of either map once.
func union[V any](a, b map[string]V) []string {
	keys := make([]string, 0, max(len(a), len(b)))
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, both := a[k]; !both {
			keys = append(keys, k)
		}
	}
	return keys
}
