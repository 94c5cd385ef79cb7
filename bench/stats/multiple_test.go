// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestHolm holds values that R's p.adjust gives.
func TestHolm(t *testing.T) {
	for _, tc := range []struct{ p, want []float64 }{
		{nil, []float64{}},
		{[]float64{0.03}, []float64{0.03}},
		{[]float64{0.01, 0.04, 0.03, 0.005}, []float64{0.03, 0.06, 0.06, 0.02}},
		{[]float64{0.01, 0.02, 0.03, 0.04, 0.05}, []float64{0.05, 0.08, 0.09, 0.09, 0.09}},
		{[]float64{0.5, 0.5, 0.001}, []float64{1, 1, 0.003}},
		{[]float64{1, 1}, []float64{1, 1}},
	} {
		require.InDeltaSlice(t, tc.want, Holm(tc.p), 1e-12, "%v", tc.p)
	}
}

// TestHolmLevel: among many tests, some of them of something true, the chance of any
// false alarm is what was asked for.
func TestHolmLevel(t *testing.T) {
	const rounds, tests, changes = 20_000, 20, 5
	random := rand.New(rand.NewPCG(1, 2))
	alarms := 0
	for range rounds {
		p := make([]float64, tests)
		for i := range p {
			p[i] = random.Float64()
			if i < changes {
				p[i] /= 1000
			}
		}
		for _, corrected := range Holm(p)[changes:] {
			if corrected <= 0.05 {
				alarms++
				break
			}
		}
	}
	e := Proportion(alarms, rounds, 0.999)
	require.True(t, e.Low <= 0.05 && e.High >= 0.04, "%+v", e)
}
