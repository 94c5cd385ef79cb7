// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnnotationsAreKept writes what is known about samples and reads it back. The
// remarks between them belong to no sample.
func TestAnnotationsAreKept(t *testing.T) {
	value := []Value{{1, "a-ns"}}
	want := []Sample{
		{Name: "A", Iters: 1, Values: value},
		{Name: "A", Iters: 1, Values: value, Round: 3},
		{Name: "A", Iters: 1, Values: value, Disturbed: "others used 34 % of the CPUs"},
		{Name: "A", Iters: 1, Values: value, Round: 4, Disturbed: "the clock jumped: round=9 disturbed=no"},
	}
	path := filepath.Join(t.TempDir(), "f")
	w, err := Create(path, nil, nil)
	require.NoError(t, err)
	defer w.Close()
	for _, s := range want {
		require.NoError(t, w.Write(s))
		require.NoError(t, w.Note("a target failed: round=7"))
	}
	runs, warnings, err := Read(path)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, want, runs[0].Samples)
}

func TestAnnotate(t *testing.T) {
	for _, tc := range []struct {
		name, before string
		round        int
		disturbed    string
	}{
		{"both", "#: round=3 disturbed=swap 4/s", 3, "swap 4/s"},
		{"a key of a later version", "#: pinned=yes round=3", 3, ""},
		{"a common remark", "# round=3", 0, ""},
		{"not a number", "#: round=three", 0, ""},
		{"a negative round", "#: round=-3", 0, ""},
		{"an endless round", "#: round=99999999999999999999", 0, ""},
		{"a line between", "#: round=3\n", 0, ""},
		{"a configuration line between", "#: round=3\nkey: v", 0, ""},
		{"nothing", "", 0, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runs, warnings := Parse([]byte(tc.before+"\nBenchmarkA 1 5 a-ns\n"), "f")
			require.Empty(t, warnings)
			require.Len(t, runs, 1)
			got := runs[0].Samples[0]
			require.Equal(t, tc.round, got.Round)
			require.Equal(t, tc.disturbed, got.Disturbed)
		})
	}
}

// TestAnnotationIsOneLine: what disturbed a sample cannot begin a line of its own.
func TestAnnotationIsOneLine(t *testing.T) {
	line, err := Sample{Name: "A", Values: []Value{{1, "ns"}}, Disturbed: "swap\nBenchmarkB 1 1 ns"}.line()
	require.NoError(t, err)
	require.Equal(t, "#: disturbed=swap BenchmarkB 1 1 ns\nBenchmarkA 1 1 ns\n", string(line))
	runs, _ := Parse(line, "f")
	require.Len(t, runs[0].Samples, 1)
}

func TestReadUnits(t *testing.T) {
	for _, tc := range []struct {
		name, lines string
		want        []Unit
	}{
		{"all keys", "Unit a-ns better=lower floor=0.05 slack=500000", []Unit{{"a-ns", "lower", 0.05, 500000}}},
		{"two lines", "Unit a-ns better=lower\nUnit a-ns floor=0.05", []Unit{{"a-ns", "lower", 0.05, 0}}},
		{"an unknown key", "Unit a-ns better=higher assume=exact", []Unit{{"a-ns", "higher", 0, 0}}},
		{"the format's own unit", "Unit ns/op better=lower", []Unit{{"ns/op", "lower", 0, 0}}},
		{"in the order of names", "Unit b better=lower\nUnit a better=lower", []Unit{{"a", "lower", 0, 0}, {"b", "lower", 0, 0}}},
		{"negative", "Unit a floor=-1 slack=-1", []Unit{{Name: "a"}}},
		{"no numbers", "Unit a floor=NaN slack=Inf", []Unit{{Name: "a"}}},
		{"absurd", "Unit a floor=1e300 slack=x", []Unit{{Name: "a"}}},
		{"none", "", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runs, warnings := Parse([]byte(tc.lines+"\nBenchmarkA 1 5 a-ns\n"), "f")
			require.Empty(t, warnings)
			require.Equal(t, tc.want, runs[0].Units)
		})
	}
}
