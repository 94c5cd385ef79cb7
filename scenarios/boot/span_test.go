// SPDX-License-Identifier: MIT OR Apache-2.0

package boot

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

func TestValuesOf(t *testing.T) {
	const request = 100 * time.Second
	at := func(name string, ms int) events.Mark {
		return events.Mark{Name: name, At: request + time.Duration(ms)*time.Millisecond}
	}
	marks := []events.Mark{
		{Name: events.Request, At: request}, at(events.VMMUp, 10), at("other", 20), at(events.Init, 25), at(events.AgentReady, 30), at(events.FirstExec, 40),
	}
	got, err := valuesOf(coldSpans, marks, 5*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, []record.Value{
		{Value: 30e6, Unit: "agent_ready-ns"}, {Value: 10e6, Unit: "vmm_up-ns"}, {Value: 25e6, Unit: "init-ns"},
		{Value: 40e6, Unit: "first_exec-ns"}, {Value: 5e6, Unit: "stop-ns"},
	}, got)

	got, err = valuesOf(hotSpans, marks, 5*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, []record.Value{
		{Value: 30e6, Unit: "agent_ready-ns"}, {Value: 10e6, Unit: "vmm_up-ns"}, {Value: 40e6, Unit: "first_exec-ns"}, {Value: 5e6, Unit: "stop-ns"},
	}, got)

	_, err = valuesOf(coldSpans, []events.Mark{at(events.AgentReady, 30)}, 0)
	require.EqualError(t, err, "the target did not mark agent_ready", "nothing counts without a request")
}

// TestUnits: every span is gated, and a change that matters is more than a timer's step.
func TestUnits(t *testing.T) {
	for _, spans := range [][]span{coldSpans, hotSpans} {
		got := units(spans)
		require.Len(t, got, len(spans)+len(target.CountUnits()))
		require.Equal(t, "agent_ready-ns", got[0].Name, "what matters most is first")
		for _, u := range got[:len(spans)] {
			require.Equal(t, "lower", u.Better)
			require.Positive(t, u.Floor, u.Name)
			require.GreaterOrEqual(t, u.Slack, 1e5, u.Name)
		}
	}
}
