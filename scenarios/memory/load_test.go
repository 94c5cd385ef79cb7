// SPDX-License-Identifier: MIT OR Apache-2.0

package memory

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/targettest"
)

// quick is a load of 1000 bytes and a wait of some readings.
var quick = AfterLoad{Settle: time.Millisecond, Touched: 700, Cached: 300, Wait: 20 * time.Millisecond, Interval: 5 * time.Millisecond}

// loads has VMs of 100 bytes, which become loaded by the load and after at some later reading.
func loads(loaded, after uint64) *targettest.Booter {
	b := booter()
	b.Memory = func(_, execs, reads int) []hypervisor.Process {
		pss := uint64(100)
		switch {
		case execs > 0 && reads == 2:
			pss = loaded
		case execs > 0:
			pss = after
		}
		return []hypervisor.Process{{Role: "vmm", PSS: pss}}
	}
	return b
}

func TestAfterLoad(t *testing.T) {
	for name, tc := range map[string]struct {
		loaded, after uint64
		want          map[string]float64 // -1 is any above 0
	}{
		"all comes back":      {1100, 100, map[string]float64{afterUnit: 100, returnedUnit: 1, backUnit: -1}},
		"enough comes back":   {1100, 200, map[string]float64{afterUnit: 200, returnedUnit: 0.9, backUnit: -1}},
		"a part comes back":   {1100, 201, map[string]float64{afterUnit: 201, returnedUnit: 0.899}},
		"nothing comes back":  {1100, 1100, map[string]float64{afterUnit: 1100, returnedUnit: 0}},
		"it was all there":    {150, 150, map[string]float64{afterUnit: 150}},
		"it grows even later": {1100, 1200, map[string]float64{afterUnit: 1200, returnedUnit: -0.1}},
	} {
		t.Run(name, func(t *testing.T) {
			b := loads(tc.loaded, tc.after)
			values, err := quick.Run(context.Background(), b)
			require.NoError(t, err)
			require.Zero(t, b.Open)
			require.Equal(t, []target.Content{target.WithTool}, b.Contents)
			require.Equal(t, [][]string{{targettest.Tool, "cache", "/tmp", "300", "touch", "700"}}, b.Executed)

			tc.want[loadedUnit], tc.want[beforeUnit] = float64(tc.loaded), 100
			tc.want[guestTotalUnit], tc.want[guestAvailableUnit] = 200, 150
			require.Len(t, values, len(tc.want))
			for _, v := range values {
				want := tc.want[v.Unit]
				if want < 0 && v.Unit == backUnit {
					require.Positive(t, v.Value)
				} else {
					require.InDelta(t, want, v.Value, 1e-9, v.Unit)
				}
				require.True(t, slices.ContainsFunc(quick.Units(), func(u record.Unit) bool { return u.Name == v.Unit }), v.Unit)
			}
		})
	}
}

func TestAfterLoadFailures(t *testing.T) {
	const running = "running the load, which needs 0 MiB in the guest: "
	testFailures(t, quick, map[string]func(*targettest.Booter){
		running + "no":                     func(b *targettest.Booter) { b.ExecErr = errNo },
		running + "signal 9 ended it":      func(b *targettest.Booter) { b.Status = client.Status{Signal: 9} },
		running + "it ended with status 1": func(b *targettest.Booter) { b.Status = client.Status{Code: 1} },
	})

	// What ends the wait ends the sample, and so does a VM that goes away meanwhile.
	ctx, cancel := context.WithCancelCause(context.Background())
	b := loads(1100, 1100)
	idle := b.Memory
	b.Memory = func(vm, execs, reads int) []hypervisor.Process {
		if reads == 3 {
			cancel(errNo)
		}
		return idle(vm, execs, reads)
	}
	long := quick
	long.Wait = time.Hour
	_, err := long.Run(ctx, b)
	require.ErrorIs(t, err, errNo)
	require.Zero(t, b.Open)

	b.Memory = func(vm, execs, reads int) []hypervisor.Process {
		if reads == 3 {
			return nil
		}
		return idle(vm, execs, reads)
	}
	_, err = long.Run(context.Background(), b)
	require.EqualError(t, err, "the target named no process of its VM")
	require.Zero(t, b.Open)
}
