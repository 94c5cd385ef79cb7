// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDivide(t *testing.T) {
	for _, tc := range []struct {
		cpus          []int
		lab, measured []int
		text          string
	}{
		{[]int{0}, nil, nil, "none: 1 usable CPUs are too few"},
		{[]int{0, 1, 2}, nil, nil, "none: 3 usable CPUs are too few"},
		{[]int{0, 1, 2, 3}, []int{3}, []int{0, 1, 2}, "lab on 3, targets on 0-2"},
		{[]int{1, 3, 4, 6, 7, 8}, []int{8}, []int{1, 3, 4, 6, 7}, "lab on 8, targets on 1,3-4,6-7"},
	} {
		got := divide(tc.cpus)
		require.Equal(t, tc.lab, got.Lab)
		require.Equal(t, tc.measured, got.Measured)
		require.Equal(t, tc.text, got.String())
	}
}

func TestUnpinned(t *testing.T) {
	var p Pinning
	require.Equal(t, "none", p.String())
	require.NoError(t, p.Apply())
	called := false
	require.NoError(t, p.Start(func() error { called = true; return nil }))
	require.True(t, called)
}
