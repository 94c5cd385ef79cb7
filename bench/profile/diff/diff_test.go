// SPDX-License-Identifier: MIT OR Apache-2.0

package diff

import (
	"bytes"
	"strings"
	"testing"

	pprof "github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
)

// stack is a sample: functions with the outermost first, joined by ">", and values.
type stack struct {
	calls  string
	values []int64
}

// made makes a profile; types are "type/unit".
func made(t *testing.T, runs string, types []string, stacks ...stack) *pprof.Profile {
	t.Helper()
	p := &pprof.Profile{Period: 1}
	if runs != "" {
		p.Comments = []string{"arcbox runs: " + runs}
	}
	for _, name := range types {
		kind, unit, _ := strings.Cut(name, "/")
		p.SampleType = append(p.SampleType, &pprof.ValueType{Type: kind, Unit: unit})
	}
	places := map[string]*pprof.Location{}
	for _, s := range stacks {
		sample := &pprof.Sample{Value: s.values}
		for name := range strings.SplitSeq(s.calls, ">") {
			if places[name] == nil {
				id := uint64(len(places) + 1)
				f := &pprof.Function{ID: id, Name: name}
				places[name] = &pprof.Location{ID: id, Line: []pprof.Line{{Function: f}}}
				p.Function, p.Location = append(p.Function, f), append(p.Location, places[name])
			}
			sample.Location = append([]*pprof.Location{places[name]}, sample.Location...)
		}
		p.Sample = append(p.Sample, sample)
	}
	require.NoError(t, p.CheckValid())
	return p
}

var cpu = []string{"samples/count", "cpu/nanoseconds"}

func one(p ...*pprof.Profile) []*pprof.Profile { return p }

func TestMeasure(t *testing.T) {
	costs, err := Measure(one(
		made(t, "3", cpu, stack{"main>a>b", []int64{2, 20}}, stack{"main>a>a", []int64{4, 40}}),
		made(t, "", cpu, stack{"main>b", []int64{6, 60}}, stack{"main", []int64{0, 0}}),
	))
	require.NoError(t, err)
	require.Len(t, costs, 2)
	got := costs[1]
	require.Equal(t, []any{"cpu", "nanoseconds", 4, 30.0}, []any{got.Type, got.Unit, got.Runs, got.Total})
	require.Equal(t, map[string]Cost{
		"main": {Flat: 0, Cum: 30},
		"a":    {Flat: 10, Cum: 15, Events: 4}, // calls itself, counts once
		"b":    {Flat: 20, Cum: 20, Events: 8},
	}, got.Functions)
}

func TestDiff(t *testing.T) {
	before := made(t, "10", cpu, stack{"main>work", []int64{1000, 10_000}}, stack{"main>rare", []int64{4, 40}})
	after := made(t, "20", cpu,
		stack{"main>work", []int64{2000, 20_000}}, stack{"main>work>spin", []int64{1000, 10_000}}, stack{"main>rare", []int64{12, 120}})
	all, err := Diff(one(before), one(after))
	require.NoError(t, err)
	d := all[1]
	require.Equal(t, Pair{1004, 1506}, d.Total)
	require.Equal(t, []string{"main", "work", "spin"}, d.Path)
	require.False(t, d.Chance)
	require.Len(t, d.Changes, 4, "what did not change is left out")
	require.Equal(t, Change{Function: "spin", Flat: Pair{0, 500}, Cum: Pair{0, 500}, Share: 500.0 / 502}, d.Changes[0])
	require.Equal(t, Change{Function: "rare", Flat: Pair{4, 6}, Cum: Pair{4, 6}, Share: 2.0 / 502, Chance: true}, d.Changes[1])
	require.Equal(t, "main", d.Changes[2].Function)
	require.Equal(t, Pair{1000, 1500}, d.Changes[3].Cum)

	same, err := Diff(one(before), one(before, before))
	require.NoError(t, err)
	require.Empty(t, same[1].Changes)
	require.Empty(t, same[1].Path)
	require.True(t, same[1].Chance)
}

// TestDiffFindsWhoWaits: the runtime's functions and those of locks explain nothing.
func TestDiffFindsWhoWaits(t *testing.T) {
	types := []string{"contentions/count", "delay/nanoseconds"}
	before := made(t, "", types, stack{"main>a.read>sync.(*Mutex).Lock>internal/sync.(*Mutex).Lock", []int64{10, 10}})
	after := made(t, "", types,
		stack{"main>a.read>sync.(*Mutex).Lock>internal/sync.(*Mutex).Lock", []int64{10, 10}},
		stack{"main>b.wait>runtime.chanrecv1", []int64{10, 900}}, stack{"runtime.bgsweep", []int64{1, 5}})
	all, err := Diff(one(before), one(after))
	require.NoError(t, err)
	delay := all[1].Changes
	require.Equal(t, "b.wait", delay[0].Function)
	require.False(t, delay[0].Chance)
	require.Equal(t, "runtime.bgsweep", delay[1].Function, "nobody else is in its stack")
}

func TestDiffRefuses(t *testing.T) {
	a := made(t, "", cpu)
	b := made(t, "", []string{"alloc_space/bytes"})
	for name, sides := range map[string][2][]*pprof.Profile{
		"nothing before":         {nil, one(a)},
		"nothing after":          {one(a), nil},
		"nothing in common":      {one(a), one(b)},
		"two types on one side":  {one(a, b), one(a)},
		"two types on the other": {one(a), one(a, b)},
	} {
		_, err := Diff(sides[0], sides[1])
		require.Error(t, err, name)
	}
}

func TestChance(t *testing.T) {
	for _, tt := range []struct {
		name          string
		before, after Cost
		want          bool
	}{
		{"the same", Cost{Flat: 10, Events: 100}, Cost{Flat: 10, Events: 100}, true},
		{"within three errors", Cost{Flat: 100, Events: 100}, Cost{Flat: 140, Events: 140}, true},
		{"beyond", Cost{Flat: 100, Events: 100}, Cost{Flat: 160, Events: 160}, false},
		{"few from nothing", Cost{}, Cost{Flat: 8, Events: 8}, true},
		{"many from nothing", Cost{}, Cost{Flat: 10, Events: 10}, false},
		{"unknown", Cost{Flat: 1}, Cost{Flat: 2}, false},
	} {
		require.Equal(t, tt.want, chance(tt.before, tt.after), tt.name)
	}
}

// TestEventsOfAllocations: small objects are estimates of few observations.
func TestEventsOfAllocations(t *testing.T) {
	types := []string{"alloc_objects/count", "alloc_space/bytes"}
	p := made(t, "", types, stack{"small", []int64{1000, 16_000}}, stack{"large", []int64{3, 30_000}})
	p.Period = 4000
	costs, err := Measure(one(p))
	require.NoError(t, err)
	require.Equal(t, 4.0, costs[1].Functions["small"].Events)
	require.Equal(t, 3.0, costs[1].Functions["large"].Events)
}

func TestInstancesAreOneFunction(t *testing.T) {
	costs, err := Measure(one(made(t, "", cpu,
		stack{"a.f[go.shape.int]", []int64{1, 1}}, stack{"a.f[go.shape.struct { b [4]int }].func1", []int64{1, 1}}, stack{"a.f[go.shape.string]", []int64{1, 1}}, stack{"a.g]x[", []int64{1, 1}})))
	require.NoError(t, err)
	require.Equal(t, map[string]Cost{"a.f[...]": {2, 2, 2}, "a.f[...].func1": {1, 1, 1}, "a.g]x[": {1, 1, 1}}, costs[0].Functions)
}

func TestDeepStacks(t *testing.T) {
	deep := strings.Repeat("f>", 5000) + "g"
	costs, err := Measure(one(made(t, "", cpu, stack{deep, []int64{1, 1}})))
	require.NoError(t, err)
	require.Equal(t, Cost{Flat: 1, Cum: 1, Events: 1}, costs[0].Functions["g"])
}

func TestText(t *testing.T) {
	before := made(t, "2", cpu, stack{"main>work", []int64{100, 3_000_000}})
	after := made(t, "2", cpu, stack{"main>work", []int64{101, 3_030_000}}, stack{"main>spin", []int64{50, 1_500_000}})
	all, err := Diff(one(before), one(after))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, WriteDiff(&out, "vmm", all, 2))
	require.Equal(t, `vmm, cpu: 1.500ms → 2.265ms a run (+765.0µs), of 2 and 2 runs
most of it in main > spin
  share      flat   before    after  cumulative     function
  +98 %  +750.0µs        0  750.0µs    +750.0µs     spin
   +2 %  +15.00µs  1.500ms  1.515ms    +15.00µs  ~  work

`, out.String())

	costs, err := Measure(one(after))
	require.NoError(t, err)
	out.Reset()
	require.NoError(t, WriteTop(&out, "vmm", costs, 10))
	require.Equal(t, `vmm, cpu: 2.265ms a run, of 2 runs
     flat        cumulative         function
  1.515ms  67 %     1.515ms   67 %  work
  750.0µs  33 %     750.0µs   33 %  spin
        0   0 %     2.265ms  100 %  main

`, out.String())
}

func TestFormat(t *testing.T) {
	for _, tt := range []struct {
		v          float64
		unit, want string
	}{
		{0, "nanoseconds", "0"}, {-1.5e6, "nanoseconds", "-1.500ms"}, {2.5e9, "nanoseconds", "2.500s"},
		{5 << 10, "bytes", "5.000KiB"}, {1234, "count", "1.234k"}, {0.55, "count", "0.55"}, {3, "pages", "3.000 pages"},
	} {
		require.Equal(t, tt.want, format(tt.v, tt.unit))
	}
	require.Equal(t, "+1.00", signed(1, "count"))
	require.Equal(t, "a > b", chain([]string{"a", "b"}))
	require.Equal(t, "… > c > d > e > f > g", chain([]string{"a", "b", "c", "d", "e", "f", "g"}))
}
