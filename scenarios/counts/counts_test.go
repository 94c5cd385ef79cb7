// SPDX-License-Identifier: MIT OR Apache-2.0

package counts

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/boot"
	"arcbox.dev/scenarios/target/targettest"
)

// TestTimesAreDropped: of a boot nothing remains that takes time.
func TestTimesAreDropped(t *testing.T) {
	s := Scenario{Scenario: boot.Cold{}, Title: "BootCounts", Can: func() error { return nil }}
	require.Equal(t, "BootCounts", s.Name())
	require.Equal(t, boot.Cold{}.Version(), s.Version())
	require.NotEmpty(t, s.Units())
	for _, u := range s.Units() {
		require.NotContains(t, u.Name, "-ns")
	}
	b := &targettest.Booter{BootMarks: []events.Mark{{Name: events.Request}, {Name: events.AgentReady, At: 5}}}
	require.NoError(t, s.Check(b))
	whole, err := boot.Cold{}.Run(t.Context(), b)
	require.NoError(t, err)
	require.Contains(t, whole, record.Value{Value: 5, Unit: "agent_ready-ns"})
	values, err := s.Run(t.Context(), b)
	require.NoError(t, err)
	for _, v := range values {
		require.NotContains(t, v.Unit, "-ns")
	}
	require.Zero(t, b.Open)

	require.Error(t, s.Check(targettest.Plain{}))
	reason := errors.New("it needs root")
	s.Can = func() error { return reason }
	require.ErrorIs(t, s.Check(b), reason)
}
