// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMore(t *testing.T) {
	for _, tc := range []struct {
		n          int
		have, want float64
		more       int
	}{
		{20, 0.10, 0.05, 60},
		{20, 0.06, 0.05, 9},
		{20, 0.05, 0.05, 1},
		{20, 0.01, 0.05, 1},
		{20, 0.05, 0, -1},
		{20, 0.05, -1, -1},
		{20, 0.05, 0.001, -1},
		{10, 1, 0.1, 990},
		{10, 1, 0.0999, -1},
		{20, math.NaN(), 1, -1},
		{20, math.Inf(1), 1, -1},
		{20, math.Inf(1), math.Inf(1), -1},
		{0, 1, 1, 1},
	} {
		require.Equal(t, tc.more, More(tc.n, tc.have, tc.want), "%+v", tc)
	}
}

func TestZ(t *testing.T) {
	for _, tc := range []struct{ p, want float64 }{
		{0.05, 1.959964}, {0.01, 2.575829}, {0.0025, 3.023341}, {1, 0}, {2, 0}, {0, math.Inf(1)},
	} {
		if math.IsInf(tc.want, 1) {
			require.True(t, math.IsInf(Z(tc.p), 1))
			continue
		}
		require.InDelta(t, tc.want, Z(tc.p), 1e-6)
	}
	require.InDelta(t, 0.05, beyond(Z(0.05)), 1e-12)
	require.Equal(t, 1.0, beyond(-3))
}
