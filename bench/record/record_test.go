// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/env"
)

func TestName(t *testing.T) {
	for _, tc := range []struct {
		base   string
		labels []Label
		want   string
	}{
		{"Boot", nil, "Boot"},
		{"Boot", []Label{{"target", "uml"}, {"kernel", "lean"}}, "Boot/target=uml/kernel=lean"},
		{"Boot", []Label{{"version", "6.12-rc1"}}, "Boot/version=6.12-rc1"},
		{"", nil, ""},
		{"Two words", nil, ""},
		{"Boot", []Label{{"", "uml"}}, ""},
		{"Boot", []Label{{"target", ""}}, ""},
		{"Boot", []Label{{"target", "a/b"}}, ""},
		{"Boot", []Label{{"target", "a=b"}}, ""},
		{"Boot", []Label{{"target", "a\nb"}}, ""},
		{"Boot", []Label{{"version", "6.12-1"}}, ""}, // would be 1 processor
	} {
		got, err := Name(tc.base, tc.labels...)
		require.Equal(t, tc.want, got)
		require.Equal(t, tc.want == "", err != nil, "%v", err)
	}
}

func TestSampleParts(t *testing.T) {
	s := Sample{Name: "Boot/target=uml/kernel=lean", Values: []Value{{1, "a-ns"}}}
	require.Equal(t, "Boot", s.Base())
	require.Equal(t, "lean", s.Label("kernel"))
	require.Empty(t, s.Label("accel"))
	v, ok := s.Value("a-ns")
	require.True(t, ok)
	require.Equal(t, 1.0, v)
	_, ok = s.Value("b-ns")
	require.False(t, ok)
}

var about = About{
	Host:    env.Host{Arch: "amd64", CPU: "cpu", Cores: 2, Memory: 24 << 30, Kernel: "Linux 6.1", OS: "debian 12"},
	Commit:  "0123456789ab",
	Command: "arcbox-bench run boot --seed 7",
	Date:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
	Seed:    7,
	Noise:   "quiet",
	Systems: []Label{{"uml", "Linux 6.12"}},
}

var samples = []Sample{
	{Name: "Boot/target=uml/kernel=lean", Iters: 1, Values: []Value{{123456789, "vmm_up-ns"}, {213456789.5, "agent_ready-ns"}}},
	{Name: "IdleMemory/target=uml", Iters: 1, Values: []Value{{43 << 20, "pss-bytes"}}},
}

var units = []Unit{
	{Name: "pss-bytes", Better: "lower", Floor: 0.03, Slack: 1 << 19},
	{Name: "vmm_up-ns", Better: "lower"},
}

func TestWriteThenRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "host", "boot.txt")
	w, err := Create(path, about.Config(), units)
	require.NoError(t, err)
	require.Equal(t, path, w.Path())
	require.NoError(t, w.Write(samples[0]))
	require.NoError(t, w.Note("a target\nfailed"))
	require.NoError(t, w.Write(samples[1]))

	// All is in the file before Close.
	runs, warnings, err := Read(path)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, runs, 1)
	require.Equal(t, samples, runs[0].Samples)
	want := map[string]string{}
	for _, c := range about.Config() {
		want[c.Key] = c.Value
	}
	require.Equal(t, want, runs[0].Config)
	require.Equal(t, units, runs[0].Units)
	require.NoError(t, w.Close())

	_, err = Create(path, nil, nil)
	require.ErrorIs(t, err, os.ErrExist)
}

func TestWriteRefuses(t *testing.T) {
	w, err := Create(filepath.Join(t.TempDir(), "f"), nil, nil)
	require.NoError(t, err)
	defer w.Close()
	for name, s := range map[string]Sample{
		"no name":      {Name: "", Iters: 1, Values: []Value{{1, "ns"}}},
		"spaced name":  {Name: "a b", Iters: 1, Values: []Value{{1, "ns"}}},
		"no value":     {Name: "a", Iters: 1, Values: nil},
		"no unit":      {Name: "a", Iters: 1, Values: []Value{{1, ""}}},
		"spaced unit":  {Name: "a", Iters: 1, Values: []Value{{1, "n s"}}},
		"not a number": {Name: "a", Iters: 1, Values: []Value{{math.NaN(), "ns"}}},
		"infinite":     {Name: "a", Iters: 1, Values: []Value{{math.Inf(1), "ns"}}},
	} {
		require.Error(t, w.Write(s), name)
	}
	for name, c := range map[string]Label{
		"upper-case key": {"Key", "v"}, "spaced key": {"a b", "v"}, "two lines": {"k", "a\nb"}, "no key": {"", "v"},
	} {
		path := filepath.Join(t.TempDir(), "f")
		_, err := Create(path, []Label{c}, nil)
		require.Error(t, err, name)
		require.NoFileExists(t, path)
	}
	for name, u := range map[string]Unit{
		"neither better": {Name: "ns", Better: "nicer"},
		"spaced unit":    {Name: "n s", Better: "lower"},
		"no name":        {Better: "lower"},
		"negative floor": {Name: "ns", Better: "lower", Floor: -0.1},
		"negative slack": {Name: "ns", Better: "lower", Slack: -1},
	} {
		path := filepath.Join(t.TempDir(), "f")
		_, err := Create(path, nil, []Unit{u})
		require.Error(t, err, name)
		require.NoFileExists(t, path)
	}
}

func TestReadTornFile(t *testing.T) {
	whole := "host: h\n\nBenchmarkA 1 100 a-ns\nBenchmarkA 1 200 a-ns\n"
	for _, tc := range []struct {
		name, data     string
		want, warnings int
	}{
		{"whole", whole, 2, 0},
		{"cut in a unit", whole[:len(whole)-2], 1, 0},
		{"cut in a number", whole[:len(whole)-8], 1, 0},
		{"cut in the first line", "BenchmarkA 1", 0, 0},
		{"empty", "", 0, 0},
		{"a line that is no sample", "BenchmarkA 1 x a-ns\n" + whole, 2, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			runs, warnings := Parse([]byte(tc.data), tc.name)
			n := 0
			for _, r := range runs {
				n += len(r.Samples)
			}
			require.Equal(t, tc.want, n)
			require.Len(t, warnings, tc.warnings)
		})
	}
}

func TestReadSeveralRuns(t *testing.T) {
	runs, warnings := Parse([]byte("pkg: a\nBenchmarkA-8 1000 5 ns/op\n\npkg: b\nBenchmarkB 1 7 ns/op\nBenchmarkB 1 8 ns/op\n"), "f")
	require.Empty(t, warnings)
	require.Len(t, runs, 2)
	require.Equal(t, "a", runs[0].Config["pkg"])
	require.Equal(t, []Sample{{Name: "A-8", Iters: 1000, Values: []Value{{5, "ns/op"}}}}, runs[0].Samples)
	require.Len(t, runs[1].Samples, 2)
}
