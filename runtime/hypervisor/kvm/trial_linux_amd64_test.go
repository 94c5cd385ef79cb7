// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// host stands for a KVM, with times in ns.
type cpu struct {
	instruction, exit float64
	warmUp            float64               // on top of the first run
	extra             func(run int) float64 // on top of each run: other work of the machine
	limit             float64               // all runs together take no longer
}

// runner imitates trialVM.run on h. The function ends the context at the limit.
func (h cpu) runner(end context.CancelFunc) func(context.Context, uint32) (uint64, time.Duration, error) {
	runs, now := 0, 0.0
	return func(_ context.Context, turns uint32) (uint64, time.Duration, error) {
		instructions := instructionsPerTurn * float64(turns)
		took := h.exit + instructions*h.instruction
		if runs == 0 {
			took += h.warmUp
		}
		if h.extra != nil {
			took += h.extra(runs)
		}
		runs++
		if h.limit != 0 && now+took >= h.limit {
			took = max(h.limit-now, 1)
			instructions = max(took-h.exit, 0) / h.instruction
			end()
		}
		now += took
		return uint64(instructions), time.Duration(took), nil
	}
}

func TestMeasure(t *testing.T) {
	const ms = 1e6
	preempted := func(run int) float64 { return float64(run%4/3) * 4 * ms } // every fourth
	busy := func(run int) float64 {                                         // all but every fourth
		if run%4 == 3 {
			return 0
		}
		return 10 * ms
	}
	tests := []struct {
		name string
		host cpu
		want string // the verdict, "" for a CPU
	}{
		{"CPU", cpu{instruction: 0.3, exit: 1_000, warmUp: 20_000}, ""},
		{"CPU, preempted", cpu{instruction: 0.3, exit: 1_000, extra: preempted}, ""},
		{"CPU, nested", cpu{instruction: 0.3, exit: 60_000, warmUp: 2 * ms}, ""},
		{"CPU, exits in software", cpu{instruction: 0.3, exit: 2 * ms}, ""},
		{"emulated CPU", cpu{instruction: 1.2, exit: 50_000, warmUp: 100 * ms}, ""},
		{"interpreter", cpu{instruction: 250, exit: 7_800, warmUp: 100_000}, interprets},
		{"interpreter, busy machine", cpu{instruction: 250, exit: 7_800, extra: busy}, interprets},
		{"slow interpreter", cpu{instruction: 1_200, exit: 65_000}, interprets},
		{"very slow interpreter, cut off", cpu{instruction: 1 * ms, exit: 65_000, limit: 500 * ms}, interprets},
		{"standstill", cpu{instruction: 1e15, exit: 65_000, limit: 500 * ms}, "KVM cannot run 64-bit kernel code: too little was done to measure it in 3s"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, end := context.WithCancel(t.Context())
			defer end()
			s, err := measure(ctx, tt.host.runner(end))
			require.NoError(t, err)
			err = s.verdict()
			if tt.want == "" {
				require.NoError(t, err)
				require.InEpsilon(t, tt.host.instruction, s.instruction, 0.1)
				require.EqualValues(t, tt.host.exit, s.exit.Truncate(time.Microsecond))
				return
			}
			reason, _ := explain(err)
			require.Equal(t, tt.want, reason)
		})
	}
}

func TestMeasureFails(t *testing.T) {
	broken := errors.New("broken")
	for at := range 2 * trials {
		runs := 0
		s, err := measure(t.Context(), func(_ context.Context, turns uint32) (uint64, time.Duration, error) {
			if runs == at {
				return 0, 0, broken
			}
			runs++
			return uint64(turns), time.Microsecond, nil
		})
		require.ErrorIs(t, err, broken)
		require.Zero(t, s)
	}
}
