// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"bytes"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExport(t *testing.T) {
	run := Run{
		Config: map[string]string{"host": "h", "commit": "c0ffee"},
		Units:  units,
		Samples: []Sample{
			{Name: "ColdBoot/target=uml/kernel=lean", Iters: 1, Values: []Value{{35e6, "agent_ready-ns"}, {7.5, "x"}}, Round: 2, Disturbed: "swap 4/s"},
			{Name: "Push/impl=spsc/part-8", Iters: 1000, Values: []Value{{5, "ns/op"}}},
		},
	}
	var got bytes.Buffer
	require.NoError(t, Export(&got, []Run{run}))
	require.JSONEq(t, `{"schema": 1, "runs": [{
		"config": {"host": "h", "commit": "c0ffee"},
		"units": [
			{"name": "pss-bytes", "better": "lower", "floor": 0.03, "slack": 524288},
			{"name": "vmm_up-ns", "better": "lower"}
		],
		"samples": [
			{"name": "ColdBoot/target=uml/kernel=lean", "base": "ColdBoot", "labels": {"target": "uml", "kernel": "lean"},
			 "iterations": 1, "round": 2, "disturbed": "swap 4/s", "values": {"agent_ready-ns": 35000000, "x": 7.5}},
			{"name": "Push/impl=spsc/part-8", "base": "Push", "labels": {"impl": "spsc"}, "iterations": 1000, "values": {"ns/op": 5}}
		]}]}`, got.String())

	got.Reset()
	require.NoError(t, Export(&got, nil))
	require.JSONEq(t, `{"schema": 1, "runs": []}`, got.String())
}

func TestExportRefuses(t *testing.T) {
	for name, values := range map[string][]Value{
		"not a number": {{math.NaN(), "ns"}},
		"infinite":     {{math.Inf(-1), "ns"}},
		"one twice":    {{1, "ns"}, {2, "ns"}},
	} {
		var out bytes.Buffer
		err := Export(&out, []Run{{Samples: []Sample{{Name: "A", Values: values}}}})
		require.ErrorContains(t, err, "exporting a sample of A", name)
		require.Empty(t, out.String(), name)
	}
	full := errors.New("no space left")
	require.ErrorIs(t, Export(failingWriter{full}, nil), full)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
