// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInPlace(t *testing.T) {
	r, err := NewSPSC[int](4)
	require.NoError(t, err)
	require.Empty(t, r.Peek(4))
	require.Empty(t, r.Reserve(-1))
	r.Commit(0)

	w := r.Reserve(3)
	require.Len(t, w, 3)
	require.Equal(t, 3, cap(w), "append must not reach the next slots")
	copy(w, []int{1, 2, 3})
	require.Zero(t, r.Len(), "not committed yet")
	r.Commit(2)
	require.Equal(t, 2, r.Len())

	require.Equal(t, []int{1, 2}, r.Peek(9))
	require.Equal(t, []int{1}, r.Peek(1))
	r.Release(1)
	require.Equal(t, 1, r.Len())

	// Two slots to the end of the buffer, then one at its beginning.
	w = r.Reserve(4)
	require.Len(t, w, 2)
	w[0], w[1] = 4, 5
	r.Commit(2)
	w = r.Reserve(4)
	require.Len(t, w, 1)
	w[0] = 6
	r.Commit(1)
	require.Empty(t, r.Reserve(1), "full")
	require.Equal(t, []int{2, 4, 5}, r.Peek(4))
	r.Release(3)
	require.Equal(t, []int{6}, r.Peek(4))
	r.Release(1)
	require.Empty(t, r.Peek(1))
}

func TestInPlaceMisuse(t *testing.T) {
	r, err := NewSPSC[int](4)
	require.NoError(t, err)
	require.Panics(t, func() { r.Commit(1) })
	r.Reserve(2)
	require.Panics(t, func() { r.Commit(3) })
	require.Panics(t, func() { r.Commit(-1) })
	r.Commit(2)
	require.Panics(t, func() { r.Commit(1) })
	require.Panics(t, func() { r.Release(1) })
	r.Peek(1)
	require.Panics(t, func() { r.Release(2) })
	require.Panics(t, func() { r.Release(-1) })
	r.Release(1)
	require.Panics(t, func() { r.Release(1) })
	require.Equal(t, 1, r.Len())
}
