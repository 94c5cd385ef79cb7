// SPDX-License-Identifier: MIT OR Apache-2.0

package events

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSince(t *testing.T) {
	marks := []Mark{{"early", 5}, {Request, 10}, {VMMUp, 15}, {AgentReady, 40}}
	require.Equal(t, []Mark{{Request, 0}, {VMMUp, 5}, {AgentReady, 30}}, Since(marks, Request))
	require.Empty(t, Since(marks, "none"))
	require.Empty(t, Since(nil, Request))
}

func TestNowIsMonotonic(t *testing.T) {
	a := Now()
	time.Sleep(time.Millisecond)
	require.GreaterOrEqual(t, Now()-a, time.Millisecond)
}
