// SPDX-License-Identifier: MIT OR Apache-2.0

package pad

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestWord(t *testing.T) {
	var u Uint64
	require.Zero(t, u.Load())
	u.Store(7)
	require.EqualValues(t, 7, u.Load())
	require.EqualValues(t, 10, u.Add(3))
	require.EqualValues(t, 9, u.Add(math.MaxUint64))
	require.False(t, u.CompareAndSwap(1, 2))
	require.EqualValues(t, 9, u.Load())
	require.True(t, u.CompareAndSwap(9, math.MaxUint64))
	require.EqualValues(t, uint64(math.MaxUint64), u.Load())
	require.Zero(t, testing.AllocsPerRun(100, func() { u.Store(u.Load() + 1) }))
}
