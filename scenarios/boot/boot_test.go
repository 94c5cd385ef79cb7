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
	"arcbox.dev/scenarios/target/targettest"
)

func TestValuesOf(t *testing.T) {
	const request = 100 * time.Second
	at := func(name string, ms int) events.Mark {
		return events.Mark{Name: name, At: request + time.Duration(ms)*time.Millisecond}
	}
	got, err := valuesOf([]events.Mark{
		{Name: events.Request, At: request}, at(events.VMMUp, 10), at("other", 20), at(events.AgentReady, 30), at(events.FirstExec, 40),
	}, 5*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, []record.Value{
		{Value: 30e6, Unit: "agent_ready-ns"}, {Value: 10e6, Unit: "vmm_up-ns"}, {Value: 40e6, Unit: "first_exec-ns"}, {Value: 5e6, Unit: "stop-ns"},
	}, got)

	_, err = valuesOf([]events.Mark{at(events.AgentReady, 30)}, 0)
	require.ErrorContains(t, err, "did not mark agent_ready", "nothing counts without a request")
}

func TestUnitsCoverSpans(t *testing.T) {
	units := Cold{}.Units()
	require.Equal(t, record.Unit{Name: "agent_ready-ns", Better: "lower"}, units[0])
	require.Len(t, units, len(spans))
}

func TestCheck(t *testing.T) {
	require.NoError(t, Cold{}.Check(&targettest.Booter{}))
	require.ErrorContains(t, Cold{}.Check(targettest.Plain{}), "does not boot")
}

func booter() *targettest.Booter {
	now := events.Now()
	return &targettest.Booter{
		BootMarks: []events.Mark{{Name: events.Request, At: now - time.Second}, {Name: events.AgentReady, At: now}},
		Status:    client.Status{Code: 1},
		StopTime:  time.Millisecond,
	}
}

func TestRun(t *testing.T) {
	b := booter()
	values, err := Cold{}.Run(context.Background(), b)
	require.NoError(t, err)
	require.Zero(t, b.Open)
	s := record.Sample{Values: values}
	ready, _ := s.Value("agent_ready-ns")
	require.Equal(t, 1e9, ready)
	exec, _ := s.Value("first_exec-ns")
	require.Greater(t, exec, ready)
	stop, _ := s.Value("stop-ns")
	require.GreaterOrEqual(t, stop, 1e6)
}

func TestRunFailures(t *testing.T) {
	no := errors.New("no")
	for _, tc := range []struct {
		want   string
		change func(*targettest.Booter)
	}{
		{"booting: no", func(b *targettest.Booter) { b.BootErr = no }},
		{"running a process in the guest: no", func(b *targettest.Booter) { b.ExecErr = no }},
		{"running a process in the guest: signal 11 ended it", func(b *targettest.Booter) { b.Status = client.Status{Signal: 11} }},
		{"stopping: no", func(b *targettest.Booter) { b.StopErr = no }},
		{"cleaning up: no", func(b *targettest.Booter) { b.CloseErr = no }},
		{"the target did not mark agent_ready", func(b *targettest.Booter) { b.BootMarks = nil }},
	} {
		b := booter()
		tc.change(b)
		values, err := Cold{}.Run(context.Background(), b)
		require.EqualError(t, err, tc.want)
		require.Nil(t, values)
		require.Zero(t, b.Open, "after %q", tc.want)
	}
}
