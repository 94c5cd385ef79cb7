// SPDX-License-Identifier: MIT OR Apache-2.0

package count

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

var kept [][]byte // so that what a test allocates is on the heap

func TestHeap(t *testing.T) {
	var h Heap
	count := func(objects int) record.Sample {
		kept = make([][]byte, 0, objects)
		require.NoError(t, h.Start())
		for range objects {
			kept = append(kept, make([]byte, 4096))
		}
		values, err := h.Stop()
		require.NoError(t, err)
		require.Len(t, values, len(h.Units()))
		return record.Sample{Values: values}
	}
	few, many := count(100), count(1100)
	for unit, want := range map[string]float64{Allocs: 1000, AllocBytes: 1000 * 4096} {
		a, ok := few.Value(unit)
		require.True(t, ok)
		b, ok := many.Value(unit)
		require.True(t, ok)
		// The runtime and the other tests' leftovers may add a little.
		require.InEpsilon(t, want, b-a, 0.1, unit)
	}
}

func TestStopWithoutStart(t *testing.T) {
	var h Heap
	_, err := h.Stop()
	require.ErrorIs(t, err, errNotStarted)
	require.NoError(t, h.Start())
	_, err = h.Stop()
	require.NoError(t, err)
	_, err = h.Stop()
	require.ErrorIs(t, err, errNotStarted)
}

func TestUnitsAreFit(t *testing.T) {
	for _, u := range append((*Heap)(nil).Units(), (*Tree)(nil).Units()...) {
		require.Equal(t, "lower", u.Better, u.Name)
		require.Regexp(t, `^[a-z_]+-(count|bytes)$`, u.Name)
	}
	units := (*Tree)(nil).Units()
	units[0].Name = "changed"
	require.Equal(t, SteadySyscalls, (*Tree)(nil).Units()[0].Name)
}
