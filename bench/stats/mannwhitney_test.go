// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"testing"

	reference "github.com/aclements/go-moremath/stats"
	"github.com/stretchr/testify/require"
)

// TestMannWhitneyPublished holds worked examples.
func TestMannWhitneyPublished(t *testing.T) {
	for _, tc := range []struct {
		name  string
		a, b  []float64
		u, p  float64
		delta float64 // the precision of the published p
	}{
		// Hollander and Wolfe, §4.1: water through membranes; the help page of R's
		// wilcox.test has the same data and the one-sided 0.1272.
		{"membranes",
			[]float64{0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46},
			[]float64{1.15, 0.88, 0.90, 0.74, 1.21},
			35, 2 * 0.1272, 1e-4},
		// The example of scipy.stats.mannwhitneyu.
		{"ages at diagnosis", []float64{19, 22, 16, 29, 24}, []float64{20, 11, 17, 12}, 17, 1. / 9, 1e-12},
		{"apart", []float64{1, 2, 3}, []float64{4, 5, 6}, 0, 0.1, 1e-12},
		{"all equal", []float64{7, 7, 7}, []float64{7, 7}, 3, 1, 0},
		{"none on one side", nil, []float64{1}, 0, 1, 0},
		{"none", nil, nil, 0, 1, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			u, p := MannWhitney(tc.a, tc.b)
			require.Equal(t, tc.u, u)
			require.InDelta(t, tc.p, p, tc.delta)
		})
	}
}

// TestMannWhitneyTable holds the critical values of every textbook's table: the
// largest U that is significant on two sides, for two samples of size n.
func TestMannWhitneyTable(t *testing.T) {
	for _, tc := range []struct {
		alpha  float64
		n, max int
	}{
		{0.05, 4, 0}, {0.05, 5, 2}, {0.05, 6, 5}, {0.05, 7, 8}, {0.05, 8, 13}, {0.05, 9, 17},
		{0.05, 10, 23}, {0.05, 12, 37}, {0.05, 15, 64}, {0.05, 20, 127},
		{0.01, 5, 0}, {0.01, 6, 2}, {0.01, 7, 4}, {0.01, 8, 7}, {0.01, 9, 11},
		{0.01, 10, 16}, {0.01, 12, 27}, {0.01, 15, 51}, {0.01, 20, 105},
	} {
		require.LessOrEqual(t, untiedU(tc.n, tc.n, tc.max), tc.alpha, "n=%d", tc.n)
		require.Greater(t, untiedU(tc.n, tc.n, tc.max+1), tc.alpha, "n=%d", tc.n)
	}
}

// TestMannWhitneyEnumerated deals small samples, with many ties, in all ways.
func TestMannWhitneyEnumerated(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for n := 1; n <= 6; n++ {
		for m := 1; m <= 6; m++ {
			for _, values := range []int{1, 2, 4, 1000} {
				all := make([]float64, n+m)
				for i := range all {
					all[i] = float64(random.IntN(values))
				}
				distance := math.Abs(countU(all[:n], all[n:]) - float64(n*m)/2)
				total, outside := 0, 0
				for choice := range 1 << (n + m) {
					if bits.OnesCount(uint(choice)) != n {
						continue
					}
					var a, b []float64
					for i, v := range all {
						if choice>>i&1 == 1 {
							a = append(a, v)
						} else {
							b = append(b, v)
						}
					}
					total++
					if math.Abs(countU(a, b)-float64(n*m)/2) >= distance {
						outside++
					}
				}
				u, p := MannWhitney(all[:n], all[n:])
				require.Equal(t, countU(all[:n], all[n:]), u)
				require.InDelta(t, float64(outside)/float64(total), p, 1e-12, "%v of %d", all, n)
			}
		}
	}
}

// countU is U by its definition.
func countU(a, b []float64) (u float64) {
	for _, x := range a {
		for _, y := range b {
			if x > y {
				u++
			} else if x == y {
				u += 0.5
			}
		}
	}
	return u
}

// TestMannWhitneyLarge compares with Mann and Whitney's own recurrence in whole
// numbers: the largest value of all is on one side or on the other.
func TestMannWhitneyLarge(t *testing.T) {
	for _, size := range [][2]int{{1, 30}, {3, 40}, {12, 13}, {30, 30}} {
		n, m := size[0], size[1]
		memo := map[[3]int]*big.Int{}
		var ways func(n, m, u int) *big.Int
		ways = func(n, m, u int) *big.Int {
			if u < 0 || (n == 0 || m == 0) && u > 0 {
				return new(big.Int)
			}
			if n == 0 || m == 0 {
				return big.NewInt(1)
			}
			key := [3]int{n, m, u}
			if memo[key] == nil {
				memo[key] = new(big.Int).Add(ways(n-1, m, u-m), ways(n, m-1, u))
			}
			return memo[key]
		}
		all := new(big.Int).Binomial(int64(n+m), int64(n))
		below := new(big.Int)
		for u := 0; u <= n*m/2; u++ {
			below.Add(below, ways(n, m, u))
			want, _ := new(big.Rat).SetFrac(new(big.Int).Lsh(below, 1), all).Float64()
			require.InEpsilon(t, min(1, want), untiedU(n, m, u), 1e-10, "n=%d m=%d u=%d", n, m, u)
		}
	}
}

// TestMannWhitneyReference compares with another implementation, where both are exact
// or both are not. With ties it takes the distribution for symmetric, which it is
// for sides of the same size.
func TestMannWhitneyReference(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, tc := range []struct {
		name    string
		n, m    int
		rounded bool // to whole numbers
	}{
		{"exact", 30, 50, false},
		{"exact, few against many", 3, 50, false},
		{"exact with ties", 12, 12, true},
		{"normal", 200, 150, false},
		{"normal with ties", 60, 60, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for shift := 0.0; shift < 2; shift += 0.5 {
				a, b := make([]float64, tc.n), make([]float64, tc.m)
				for i := range a {
					a[i] = 3 * random.NormFloat64()
				}
				for i := range b {
					b[i] = 3*random.NormFloat64() + shift
				}
				if tc.rounded {
					for _, side := range [][]float64{a, b} {
						for i := range side {
							side[i] = math.Round(side[i])
						}
					}
				}
				want, err := reference.MannWhitneyUTest(a, b, reference.LocationDiffers)
				require.NoError(t, err)
				u, p := MannWhitney(a, b)
				require.Equal(t, want.U, u)
				require.InDelta(t, want.P, p, 1e-9)
			}
		})
	}
}

// TestMannWhitneyNormal: where the counting ends the approximation is near.
func TestMannWhitneyNormal(t *testing.T) {
	for _, size := range [][2]int{{100, 100}, {60, 140}} {
		n, m := size[0], size[1]
		deviation := math.Sqrt(float64(n*m*(n+m+1)) / 12)
		for _, z := range []float64{0.5, 1, 2, 3, 3.5} {
			u := int(float64(n*m)/2 - z*deviation)
			exact, normal := untiedU(n, m, u), normalU(n, m, float64(u), 0)
			require.InEpsilon(t, exact, normal, 0.15, "n=%d m=%d z=%v", n, m, z)
			require.GreaterOrEqual(t, normal, 0.98*exact, "it errs to the safe side")
		}
	}
	_, p := MannWhitney(make([]float64, 300), make([]float64, 400))
	require.Equal(t, 1.0, p, "all are equal")
}

// TestMannWhitneySymmetry: which side is called the first, the order of the values,
// and their scale do not matter.
func TestMannWhitneySymmetry(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 8))
	for range 200 {
		a, b := make([]float64, 1+random.IntN(30)), make([]float64, 1+random.IntN(30))
		for _, side := range [][]float64{a, b} {
			for i := range side {
				side[i] = float64(random.IntN(20))
			}
		}
		u, p := MannWhitney(a, b)
		swapped, same := MannWhitney(b, a)
		require.InDelta(t, p, same, 1e-12)
		require.Equal(t, float64(len(a)*len(b)), u+swapped)
		for _, side := range [][]float64{a, b} {
			random.Shuffle(len(side), func(i, j int) { side[i], side[j] = side[j], side[i] })
			for i := range side {
				side[i] = math.Exp(side[i])
			}
		}
		_, same = MannWhitney(a, b)
		require.InDelta(t, p, same, 1e-12)
		require.True(t, p > 0 && p <= 1)
	}
}

func BenchmarkMannWhitney(b *testing.B) {
	random := rand.New(rand.NewPCG(9, 10))
	for _, n := range []int{20, 100} {
		for _, rounded := range []bool{false, true} {
			old, new := make([]float64, n), make([]float64, n)
			for i := range n {
				old[i], new[i] = 10*random.Float64(), 10*random.Float64()
				if rounded {
					old[i], new[i] = math.Round(old[i]), math.Round(new[i])
				}
			}
			b.Run(fmt.Sprintf("n=%d/ties=%v", n, rounded), func(b *testing.B) {
				for b.Loop() {
					MannWhitney(old, new)
				}
			})
		}
	}
}
