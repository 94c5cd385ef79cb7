// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
)

func TestFormat(t *testing.T) {
	for _, tc := range []struct {
		value float64
		unit  string
		want  string
	}{
		{182_345_678, "agent_ready-ns", "182.3 ms"},
		{1_823_456_789, "agent_ready-ns", "1823 ms"},
		{21_234_567_890, "agent_ready-ns", "21.23 s"},
		{4_567, "vmm_up-ns", "0.00 ms"},
		{45 << 20, "pss-bytes", "45.0 MiB"},
		{1 << 19, "pss-bytes", "0.50 MiB"},
		{123456, "exits", "123.5k exits"},
		{7, "allocs/op", "7.000 allocs/op"},
	} {
		require.Equal(t, tc.want, Format(tc.value, tc.unit), "%v %s", tc.value, tc.unit)
	}
}

func samplesOf(name, unit string, values ...float64) []record.Sample {
	var out []record.Sample
	for _, v := range values {
		out = append(out, record.Sample{Name: name, Iters: 1, Values: []record.Value{{Value: v, Unit: unit}}})
	}
	return out
}

func testSamples() []record.Sample {
	s := samplesOf("ColdBoot/target=uml/kernel=lean", "agent_ready-ns", 100e6, 120e6, 110e6, 130e6, 105e6, 125e6)
	s = append(s, samplesOf("ColdBoot/target=qemu", "agent_ready-ns", 12e9)...)
	s = append(s, samplesOf("ColdBoot/target=qemu", "init-ns", 8e9, 12e9)...)
	return append(s, samplesOf("IdleMemory/target=qemu", "pss-bytes", 1<<20)...)
}

func TestTables(t *testing.T) {
	tables, err := Tables(testSamples())
	require.NoError(t, err)
	require.Len(t, tables, 2)
	require.Equal(t, []string{"qemu", "uml lean"}, tables[0].Columns)
	require.Equal(t, `| ColdBoot | qemu, n=2 | uml lean, n=6 |
|---|---:|---:|
| agent_ready | 12.00 s | 115.0 ms (100.0–130.0) |
| init | 10.00 s (8000 ms–12.00 s) | — |
`, tables[0].markdown())

	var text bytes.Buffer
	require.NoError(t, tables[1].Text(&text))
	require.Equal(t, "IdleMemory   qemu, n=1\npss          1.00 MiB\n", text.String())
}

// TestRowOrder: a unit that only some samples have stands where they have it.
func TestRowOrder(t *testing.T) {
	sample := func(name string, units ...string) record.Sample {
		s := record.Sample{Name: name, Iters: 1}
		for _, u := range units {
			s.Values = append(s.Values, record.Value{Value: 1, Unit: u})
		}
		return s
	}
	tables, err := Tables([]record.Sample{sample("A/t=x", "b", "d"), sample("A/t=y", "a", "b", "c", "d", "e")})
	require.NoError(t, err)
	var got []string
	for _, r := range tables[0].Rows {
		got = append(got, r.Unit)
	}
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, got)
}

func writeRun(t *testing.T, path string, day int, samples []record.Sample) {
	t.Helper()
	about := record.About{
		Host:   env.Host{Arch: "amd64", CPU: "cpu", Cores: 2, Memory: 24 << 30, Kernel: "Linux 6.1", OS: "debian 12"},
		Commit: "c0ffee", Command: "arcbox-bench run boot", Noise: "quiet",
		Date:    time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC),
		Systems: []record.Label{{Key: "uml-lean", Value: "Linux 6.12"}},
	}
	w, err := record.Create(path, about.Config(), nil)
	require.NoError(t, err)
	for _, s := range samples {
		require.NoError(t, w.Write(s))
	}
	require.NoError(t, w.Close())
}

func TestSection(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results")
	require.NoError(t, os.MkdirAll(results, 0o755))
	text, _, err := Section(results)
	require.NoError(t, err)
	require.Contains(t, text, "Nothing has been recorded yet.")

	writeRun(t, filepath.Join(results, "h", "z-old.txt"), 1, samplesOf("ColdBoot/target=uml", "agent_ready-ns", 999e6))
	writeRun(t, filepath.Join(results, "h", "a-new.txt"), 2, testSamples())
	require.NoError(t, os.WriteFile(filepath.Join(results, "SCHEMA.md"), []byte("BenchmarkX 1 y"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(results, "h", "torn.txt"), []byte("BenchmarkX 1 y z\nBenchmarkX 1 5"), 0o600))
	text, warnings, err := Section(results)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	require.NotContains(t, text, "999")
	for _, want := range []string{
		"### Host amd64-2c-24g-", "cpu; 2 CPUs; 24576 MiB of memory; Linux 6.1; debian 12.",
		"#### ColdBoot", "115.0 ms (100.0–130.0)", "#### IdleMemory",
		"`arcbox-bench run boot`\nat commit c0ffee on 2026-01-02T00:00:00Z: [results/h/a-new.txt](results/h/a-new.txt). Noise before it: quiet.",
		"- uml-lean: Linux 6.12",
	} {
		require.Contains(t, text, want)
	}

	_, _, err = Section(filepath.Join(results, "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestSplice(t *testing.T) {
	first, err := Splice("", "one\n")
	require.NoError(t, err)
	require.Equal(t, "# Benchmarks\n\n"+begin+"\none\n"+end+"\n", first)

	second, err := Splice(first+"\nBy hand.\n", "two")
	require.NoError(t, err)
	require.Equal(t, "# Benchmarks\n\n"+begin+"\ntwo\n"+end+"\n\nBy hand.\n", second)
	again, err := Splice(second, "two")
	require.NoError(t, err)
	require.Equal(t, second, again)

	_, err = Splice("x "+begin, "two")
	require.Error(t, err)
	_, err = Splice("x "+end, "two")
	require.Error(t, err)
}
