// SPDX-License-Identifier: MIT OR Apache-2.0

package boot

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/targettest"
)

// both are the scenarios, with the word that begins the error of a start that fails.
var both = map[string]scenario.Scenario{"booting": Cold{}, "resuming": Hot{}}

func TestCheck(t *testing.T) {
	require.NoError(t, Cold{}.Check(&targettest.Booter{}))
	require.NoError(t, Hot{}.Check(targettest.Resumer{}))
	require.EqualError(t, Cold{}.Check(targettest.Starter{}), "target fake does not boot VMs")
	require.EqualError(t, Hot{}.Check(&targettest.Booter{}), "target fake does not start VMs from a snapshot")
}

func resumer() targettest.Resumer {
	now := events.Now()
	return targettest.Resumer{Booter: &targettest.Booter{
		BootMarks: []events.Mark{
			{Name: events.Request, At: now - time.Second}, {Name: events.Init, At: now - time.Millisecond}, {Name: events.AgentReady, At: now},
		},
		Status:   client.Status{Code: 1},
		StopTime: time.Millisecond,
		Counts:   []record.Value{{Value: 5, Unit: target.ExitsUnit}, {Value: 6, Unit: "other-count"}},
	}}
}

func TestRun(t *testing.T) {
	for _, sc := range both {
		r := resumer()
		values, err := sc.Run(context.Background(), r)
		require.NoError(t, err)
		require.Zero(t, r.Open)
		require.Equal(t, []target.Content{target.Bare}, r.Contents)
		require.Equal(t, [][]string{{program}}, r.Executed)

		s := record.Sample{Values: values}
		ready, _ := s.Value("agent_ready-ns")
		require.Equal(t, 1e9, ready)
		exec, _ := s.Value("first_exec-ns")
		require.Greater(t, exec, ready)
		stop, _ := s.Value("stop-ns")
		require.GreaterOrEqual(t, stop, 1e6)
		exits, _ := s.Value("exits-count")
		require.Equal(t, 5.0, exits)
		_, ok := s.Value("other-count")
		require.False(t, ok, "the units of a sample are those that were announced")
		_, ok = s.Value("init-ns")
		require.Equal(t, sc.Name() == "ColdBoot", ok)
	}
}

func TestRunFailures(t *testing.T) {
	no := errors.New("no")
	for start, sc := range both {
		for _, tc := range []struct {
			want   string
			change func(*targettest.Booter)
		}{
			{start + ": no", func(b *targettest.Booter) { b.BootErr = no }},
			{"running a process in the guest: no", func(b *targettest.Booter) { b.ExecErr = no }},
			{"running a process in the guest: signal 11 ended it", func(b *targettest.Booter) { b.Status = client.Status{Signal: 11} }},
			{"reading the VM's counts: no", func(b *targettest.Booter) { b.CountsErr = no }},
			{"stopping: no", func(b *targettest.Booter) { b.StopErr = no }},
			{"cleaning up: no", func(b *targettest.Booter) { b.CloseErr = no }},
			{"the target did not mark agent_ready", func(b *targettest.Booter) { b.BootMarks = nil }},
		} {
			r := resumer()
			tc.change(r.Booter)
			values, err := sc.Run(context.Background(), r)
			require.EqualError(t, err, tc.want)
			require.Nil(t, values)
			require.Zero(t, r.Open, "after %q", tc.want)
		}
	}
}
