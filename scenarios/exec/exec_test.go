// SPDX-License-Identifier: MIT OR Apache-2.0

package exec

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/targettest"
)

func TestValuesOf(t *testing.T) {
	var took []float64
	for i := 101; i > 0; i-- {
		took = append(took, float64(i*i))
	}
	require.Equal(t, []record.Value{
		{Value: 51 * 51, Unit: "exec_p50-ns"}, {Value: 100 * 100, Unit: "exec_p99-ns"},
		{Value: 102 * 203 / 6, Unit: "exec_mean-ns"}, // (n+1)(2n+1)/6
		{Value: 101, Unit: "exec-count"},
	}, valuesOf(took))
}

func TestRun(t *testing.T) {
	for name, tc := range map[string]struct {
		scenario Scenario
		want     int
	}{
		"by count":                 {Scenario{Processes: 30}, 30},
		"few":                      {Scenario{Processes: 3}, 3},
		"by default":               {Scenario{Limit: time.Hour}, DefaultProcesses},
		"by time, but not too few": {Scenario{Limit: 1}, least},
	} {
		b := &targettest.Booter{}
		for _, from := range []target.Target{b, targettest.Starter{Systems: b}} {
			b.Executed = nil
			require.NoError(t, tc.scenario.Check(from))
			values, err := tc.scenario.Run(context.Background(), from)
			require.NoError(t, err, name)
			require.Zero(t, b.Open)
			require.Len(t, values, len(tc.scenario.Units()))
			for i, u := range tc.scenario.Units() {
				require.Equal(t, u.Name, values[i].Unit)
				require.Positive(t, values[i].Value)
			}
			require.Equal(t, float64(tc.want), values[3].Value, name)
			require.Len(t, b.Executed, warmup+tc.want, name)
			require.Equal(t, []string{targettest.Tool}, b.Executed[0])
		}
	}
}

func TestRunFailures(t *testing.T) {
	no := errors.New("no")
	require.EqualError(t, Scenario{}.Check(targettest.Plain{}), "target fake runs no processes")
	for want, b := range map[string]*targettest.Booter{
		"starting: no":                              {BootErr: no},
		"running a process: no":                     {ExecErr: no},
		"running a process: it ended with status 1": {Status: client.Status{Code: 1}},
		"running a process: signal 11 ended it":     {Status: client.Status{Signal: 11}},
		"cleaning up: no":                           {CloseErr: no},
		"running a process: no; cleaning up: no":    {ExecErr: no, CloseErr: no},
	} {
		values, err := Scenario{Processes: 1}.Run(context.Background(), b)
		require.EqualError(t, err, want)
		require.Nil(t, values)
		require.Zero(t, b.Open, "after %q", want)
	}

	// A context that ends in the middle ends the series.
	ctx, cancel := context.WithCancelCause(context.Background())
	b := &targettest.Booter{}
	instance, err := b.Boot(ctx, target.WithTool)
	require.NoError(t, err)
	cancel(no)
	_, err = Scenario{}.series(ctx, instance)
	require.ErrorIs(t, err, no)
}
