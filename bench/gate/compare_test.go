// SPDX-License-Identifier: MIT OR Apache-2.0

package gate

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

func TestSide(t *testing.T) {
	for _, tc := range []struct{ name, rest, side string }{
		{"ColdBoot/target=uml/rev=old", "ColdBoot/target=uml", Old},
		{"ColdBoot/rev=new/target=uml", "ColdBoot/target=uml", New},
		{"ColdBoot/target=uml", "ColdBoot/target=uml", ""},
		{"ColdBoot/rev=1a2b3c", "ColdBoot/rev=1a2b3c", ""},
		{"ColdBoot/prev=old", "ColdBoot/prev=old", ""},
		{"", "", ""},
	} {
		rest, side := side(tc.name)
		require.Equal(t, tc.rest, rest, tc.name)
		require.Equal(t, tc.side, side, tc.name)
	}
}

func TestCompare(t *testing.T) {
	sample := func(name string, round int, values ...record.Value) record.Sample {
		return record.Sample{Name: name, Round: round, Values: values}
	}
	ready := func(v float64) record.Value { return record.Value{Value: v, Unit: "ready-ns"} }
	exits := func(v float64) record.Value { return record.Value{Value: v, Unit: "exits"} }
	readyUnit := record.Unit{Name: "ready-ns", Better: "lower", Floor: 0.05}
	for _, tc := range []struct {
		name    string
		samples []record.Sample
		want    []Comparison
	}{
		{"interleaved", []record.Sample{
			sample("Boot/rev=new", 1, ready(11), exits(5)), sample("Boot/rev=old", 1, ready(1), exits(6)),
			sample("Boot/rev=old", 2, ready(2), exits(6)), sample("Boot/rev=new", 2, ready(12), exits(5)),
		}, []Comparison{
			{"Boot", readyUnit, []float64{1, 2}, []float64{11, 12}},
			{"Boot", record.Unit{Name: "exits"}, []float64{6, 6}, []float64{5, 5}},
		}},
		{"a partner is missing", []record.Sample{
			sample("Boot/rev=old", 1, ready(1)),
			sample("Boot/rev=old", 2, ready(2)), sample("Boot/rev=new", 2, ready(12)),
			sample("Boot/rev=new", 3, ready(13)),
		}, []Comparison{{"Boot", readyUnit, []float64{2}, []float64{12}}}},
		{"one side only", []record.Sample{sample("Boot/rev=old", 1, ready(1))},
			[]Comparison{{"Boot", readyUnit, nil, nil}}},
		{"no rounds", []record.Sample{
			sample("Boot/rev=old", 0, ready(1)), sample("Boot/rev=old", 0, ready(2)), sample("Boot/rev=old", 0, ready(3)),
			sample("Boot/rev=new", 0, ready(11)), sample("Boot/rev=new", 0, ready(12)),
		}, []Comparison{{"Boot", readyUnit, []float64{1, 2}, []float64{11, 12}}}},
		{"several in a round, rounds out of order", []record.Sample{
			sample("Boot/rev=old", 2, ready(1)), sample("Boot/rev=old", 1, ready(2)),
			sample("Boot/rev=new", 1, ready(12)), sample("Boot/rev=new", 2, ready(11)),
			sample("Boot/rev=old", 2, ready(3)), sample("Boot/rev=new", 2, ready(13)),
		}, []Comparison{{"Boot", readyUnit, []float64{1, 3, 2}, []float64{11, 13, 12}}}},
		{"variants are benchmarks of their own", []record.Sample{
			sample("Boot/target=uml/rev=old", 1, ready(1)), sample("Boot/target=kvm/rev=old", 1, ready(2)),
			sample("Boot/target=kvm/rev=new", 1, ready(12)), sample("Boot/target=uml/rev=new", 1, ready(11)),
		}, []Comparison{
			{"Boot/target=uml", readyUnit, []float64{1}, []float64{11}},
			{"Boot/target=kvm", readyUnit, []float64{2}, []float64{12}},
		}},
		{"neither side", []record.Sample{sample("Boot", 1, ready(1))}, []Comparison{}},
		{"nothing", nil, []Comparison{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, Compare(tc.samples, []record.Unit{readyUnit}))
		})
	}
}
