// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

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
		{250_000, "vmm_up-ns", "0.25 ms"},
		{4_567, "vmm_up-ns", "4.57 µs"},
		{0, "vmm_up-ns", "0.00 ms"},
		{45 << 20, "pss-bytes", "45.0 MiB"},
		{1 << 19, "pss-bytes", "0.50 MiB"},
		{123456, "exits", "123.5k exits"},
		{0.934, "native-ratio", "93.4 %"},
		{28104, "host_syscalls-count", "28104"},
		{28104.5, "host_syscalls-count", "28104.5"},
		{1_234_567_890, "guest_instructions-count", "1.235G"},
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

// TestParts: what is told by role of a process and by kind is apart from the whole.
func TestParts(t *testing.T) {
	sample := record.Sample{Name: "IdleMemory/target=uml", Iters: 1}
	for _, unit := range []string{"pss-bytes", "anon-bytes", "vmm_pss-bytes", "vmm_anon-bytes", "launcher_pss-bytes", "vmm_up-ns"} {
		sample.Values = append(sample.Values, record.Value{Value: 1 << 20, Unit: unit})
	}
	tables, err := Tables([]record.Sample{sample})
	require.NoError(t, err)
	first := func(grid [][]string) (names []string) {
		for _, line := range grid {
			names = append(names, line[0])
		}
		return names
	}
	whole, parts := tables[0].Parts()
	require.Equal(t, []string{"IdleMemory", "pss", "anon", "launcher_pss", "vmm_up"}, first(whole))
	require.Equal(t, []string{"IdleMemory", "vmm_pss", "vmm_anon"}, first(parts))
	require.Contains(t, tables[0].markdown(), "<details><summary>by process</summary>\n\n| IdleMemory | uml, n=1 |\n|---|---:|\n| vmm_pss | 1.00 MiB |\n")

	sample.Values = sample.Values[:3]
	tables, err = Tables([]record.Sample{sample})
	require.NoError(t, err)
	_, parts = tables[0].Parts()
	require.Nil(t, parts)
}
