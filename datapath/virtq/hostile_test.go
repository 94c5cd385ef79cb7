// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
)

func TestHostile(t *testing.T) {
	for _, tt := range hostiles {
		t.Run(tt.name, func(t *testing.T) {
			m := make(image, imageSize)
			tt.build(m)
			mem, err := m.memory()
			require.NoError(t, err)
			q, err := virtq.New(mem, imageLayout, virtq.Options{Indirect: !tt.direct})
			require.NoError(t, err)
			chains := make([]virtq.Chain, 16)
			require.True(t, q.Pending())
			n, err := q.Pop(chains)
			if tt.want == 0 {
				require.NoError(t, err)
				require.NoError(t, q.Err())
				require.Positive(t, n)
				return
			}
			if tt.before > 0 {
				require.NoError(t, err)
				require.Equal(t, tt.before, n)
				require.Error(t, q.Err())
				n, err = q.Pop(chains)
			}
			requireBroken(t, q, tt.want, n, err)

			// The queue stays broken when the driver mends it, until the device is reset.
			clear(m)
			m.desc(0, bufferAddr, 8, 0, 0)
			m.avail(0, 0)
			n, err = q.Pop(chains)
			requireBroken(t, q, tt.want, n, err)
		})
	}
}

func requireBroken(t *testing.T, q *virtq.Queue, want virtq.Reason, n int, err error) {
	t.Helper()
	require.Zero(t, n)
	var broken *virtq.Error
	require.ErrorAs(t, err, &broken)
	require.Equal(t, want, broken.Reason)
	require.ErrorContains(t, err, want.String())
	require.Same(t, err, q.Err())
	require.True(t, q.Pending(), "the device must come to see the error")
	require.True(t, q.EnableKicks(), "the device must come to see the error")
}

// TestInFlightIsBounded: a driver that never waits for used chains cannot make the
// device hold more of them than the queue has descriptors.
func TestInFlightIsBounded(t *testing.T) {
	m := make(image, imageSize)
	mem, err := m.memory()
	require.NoError(t, err)
	q, err := virtq.New(mem, imageLayout, virtq.Options{})
	require.NoError(t, err)
	m.desc(0, bufferAddr, 8, 0, 0)
	chains := make([]virtq.Chain, 3)
	for i := range imageQueue {
		m.availIndex(uint16(i + 1))
		n, err := q.Pop(chains)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		require.Equal(t, i+1, q.InFlight())
	}
	// What is pushed is the driver's only after Publish.
	q.Push(0, 0)
	require.Equal(t, imageQueue-1, q.InFlight())
	q.Publish()
	m.availIndex(imageQueue + 1)
	n, err := q.Pop(chains)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	q.Push(0, 0)
	m.availIndex(imageQueue + 2)
	n, err = q.Pop(chains)
	requireBroken(t, q, virtq.IndexJump, n, err)
}

func TestReasonString(t *testing.T) {
	seen := map[string]bool{}
	for r := virtq.IndexJump; r <= virtq.BadTable; r++ {
		require.NotContains(t, r.String(), "reason ")
		require.False(t, seen[r.String()])
		seen[r.String()] = true
	}
	require.Equal(t, "reason 0", virtq.Reason(0).String())
	require.Equal(t, "reason 200", virtq.Reason(200).String())
}
