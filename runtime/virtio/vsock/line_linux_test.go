// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFifoModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var f fifo[int]
	var model []int
	for i := range 10000 {
		if rng.IntN(2) == 0 {
			f.push(i)
			model = append(model, i)
		} else {
			peeked, _ := f.peek()
			got, ok := f.pop()
			require.Equal(t, len(model) > 0, ok)
			if ok {
				require.Equal(t, model[0], got)
				require.Equal(t, got, peeked)
				model = model[1:]
			}
		}
		require.Equal(t, len(model), f.len())
	}
}

func TestLineTakesEachOnce(t *testing.T) {
	var l line
	a, b := &conn{}, &conn{}
	for range 3 {
		l.addControl(a)
		l.addData(a)
		l.addData(b)
	}
	require.EqualValues(t, 3, l.waiting.Load())
	require.Same(t, a, l.nextData())
	l.addData(a)
	require.Same(t, b, l.nextData())
	require.Same(t, a, l.nextData())
	require.Nil(t, l.nextData())
	require.Same(t, a, l.nextControl())
	require.Nil(t, l.nextControl())
	for range maxResets {
		require.True(t, l.addReset(reset{}))
	}
	require.False(t, l.addReset(reset{}))
	l.clearResets()
	require.Zero(t, l.waiting.Load())
	_, ok := l.peekReset()
	require.False(t, ok)
}
