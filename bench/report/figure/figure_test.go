// SPDX-License-Identifier: MIT OR Apache-2.0

package figure

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/report"
	"arcbox.dev/bench/report/chart"
)

// measured makes a run of samples.
func measured(t *testing.T, commit string, samples ...record.Sample) report.Measured {
	t.Helper()
	tables, err := report.Tables(samples)
	require.NoError(t, err)
	require.Len(t, tables, 1)
	return report.Measured{Config: map[string]string{"commit": commit}, Samples: samples, Table: tables[0]}
}

func sample(name string, values ...record.Value) record.Sample {
	return record.Sample{Name: name, Iters: 1, Values: values}
}

func boot(name string, agentReady float64) record.Sample {
	return sample(name, record.Value{Value: agentReady, Unit: "agent_ready-ns"}, record.Value{Value: 8e6, Unit: "vmm_up-ns"},
		record.Value{Value: 10e6, Unit: "kernel-ns"}, record.Value{Value: 3e6, Unit: "stop-ns"})
}

// shown returns the picture, to look for its text.
func shown(t *testing.T, c *chart.Chart, err error) string {
	t.Helper()
	require.NoError(t, err)
	var b bytes.Buffer
	require.NoError(t, c.WriteSVG(&b))
	return b.String()
}

func TestSpans(t *testing.T) {
	m := measured(t, "c",
		boot("ColdBoot/target=uml", 35e6), boot("ColdBoot/target=uml", 37e6),
		sample("ColdBoot/target=qemu", record.Value{Value: 1500e6, Unit: "agent_ready-ns"}),
		sample("ColdBoot/target=odd", record.Value{Value: 20e6, Unit: "vmm_up-ns"}, record.Value{Value: 10e6, Unit: "kernel-ns"}),
	)
	rows := rowsOf(m, marks)
	require.Equal(t, []string{"vmm_up", "kernel", "agent_ready"}, names(rows), "in the order of a boot, and without the stop")
	for column, want := range map[string][]float64{
		"uml":  {8e6, 2e6, 26e6},
		"qemu": {0, 0, 1500e6}, // sees the last mark alone
		"odd":  {20e6, 0, 0},   // marks out of order give no negative span
	} {
		for i, name := range m.Table.Columns {
			if name == column {
				parts, _, _ := spans(rows, i)
				require.Equal(t, want, parts, column)
			}
		}
	}
	require.True(t, HasSpans(m))
	picture := func(c *chart.Chart, err error) string { return shown(t, c, err) }
	for _, want := range []string{">36.0 ms<", ">1500 ms<", ">20.0 ms<", ">uml<", ">ms since the request<", ">vmm_up<"} {
		require.Contains(t, picture(Spans(m)), want)
	}
	require.Contains(t, picture(Shares(m)), ">of 36.0 ms<")
}

func TestMemory(t *testing.T) {
	m := measured(t, "c", sample("IdleMemory/target=uml",
		record.Value{Value: 30 << 20, Unit: "pss-bytes"},
		record.Value{Value: 20 << 20, Unit: "anon-bytes"}, record.Value{Value: 10 << 20, Unit: "file-bytes"},
		record.Value{Value: 18 << 20, Unit: "vmm_pss-bytes"}, record.Value{Value: 18 << 20, Unit: "vmm_anon-bytes"},
		record.Value{Value: 12 << 20, Unit: "kernel_pss-bytes"}, record.Value{Value: 12 << 20, Unit: "kernel_anon-bytes"},
		record.Value{Value: 14 << 20, Unit: "launcher_pss-bytes"}))
	require.Equal(t, []string{"vmm_pss-bytes", "kernel_pss-bytes"}, roles(m), "the launcher is no part of the sum")
	require.True(t, HasKinds(m) && HasRoles(m))
	require.False(t, HasSpans(m))
	kinds, err := Kinds(m)
	require.Contains(t, shown(t, kinds, err), ">30.0 MiB<")
	byRole, err := Roles(m)
	picture := shown(t, byRole, err)
	for _, want := range []string{">30.0 MiB<", ">vmm<", ">kernel<"} {
		require.Contains(t, picture, want)
	}
	require.NotContains(t, picture, "launcher")
}

func TestDistribution(t *testing.T) {
	m := measured(t, "c", boot("ColdBoot/target=uml", 35e6),
		sample("ColdBoot/target=none", record.Value{Value: 1e6, Unit: "stop-ns"}))
	c, err := Distribution(m)
	picture := shown(t, c, err)
	require.Contains(t, picture, ">agent_ready, ms<")
	require.NotContains(t, picture, ">none<", "it has no such values")
}

func TestCourse(t *testing.T) {
	runs := []report.Measured{
		measured(t, "a1b2c3d4e5f6", boot("ColdBoot/target=uml", 40e6)),
		measured(t, "short", sample("ColdBoot/target=uml", record.Value{Value: 1, Unit: "stop-ns"})),
		measured(t, "b1b2c3d4e5f6+dirty", boot("ColdBoot/target=uml", 35e6), boot("ColdBoot/target=kvm", 30e6)),
	}
	c, err := Course(runs)
	picture := shown(t, c, err)
	for _, want := range []string{">a1b2c3d<", ">short<", ">b1b2c3d<", ">uml<", ">kvm<", ">agent_ready, ms<"} {
		require.Contains(t, picture, want)
	}

	many := make([]report.Measured, 2*maxRuns)
	for i := range many {
		many[i] = runs[0]
	}
	many[maxRuns-1] = measured(t, "c", boot("ColdBoot/target=forgotten", 1e6))
	c, err = Course(many)
	require.NotContains(t, shown(t, c, err), ">forgotten<")

	_, err = Course(nil)
	require.ErrorIs(t, err, chart.ErrNothing)
}

func TestScale(t *testing.T) {
	for _, tc := range []struct {
		unit    string
		largest float64
		divisor float64
		measure string
	}{
		{"agent_ready-ns", 11e9, 1e9, "s"},
		{"agent_ready-ns", 9e9, 1e6, "ms"},
		{"exec_p50-ns", 900e3, 1e3, "µs"},
		{"x-ns", 900, 1, "ns"},
		{"pss-bytes", 1, 1 << 20, "MiB"},
		{"native-ratio", 1, 0.01, "%"},
		{"exits-count", 5, 1, "count"},
		{"ns/op", 5, 1, "ns/op"},
	} {
		divisor, measure := scale(tc.unit, tc.largest)
		require.Equal(t, tc.divisor, divisor, tc.unit)
		require.Equal(t, tc.measure, measure)
	}
}
