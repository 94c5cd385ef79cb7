// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Nine patients' depression before and after a treatment: Hollander and Wolfe,
// §3.1, also on the help page of R's wilcox.test.
var (
	before      = []float64{1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30}
	after       = []float64{0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29}
	improvement = less(before, after)
)

// Darwin's plants, the example of scipy.stats.wilcoxon.
var plants = []float64{6, 8, 14, 16, 23, 24, 28, 29, 41, -48, 49, 56, 60, -67, 75}

func less(a, b []float64) []float64 {
	out := make([]float64, len(a))
	for i := range a {
		out[i] = a[i] - b[i]
	}
	return out
}

// unlimited makes scores of plain ranks.
const unlimited = math.MaxInt

// signsOf is the distribution for n differences of which no two are alike.
func signsOf(n, limit int) signs {
	scores := make([]int, n)
	for i := range scores {
		scores[i] = min(2*(i+1), limit)
	}
	return newSigns(scores)
}

// TestSignedRankPublished: with scores that are plain ranks the test is Wilcoxon's.
func TestSignedRankPublished(t *testing.T) {
	for _, tc := range []struct {
		name        string
		differences []float64
		sum, p      float64
	}{
		{"depression", improvement, 40, 2 * 0.01953125},
		{"plants", plants, 120 - 24, 0.041259765625},
		{"one", []float64{3}, 1, 1},
		{"five alike", []float64{1, 2, 3, 4, 5}, 15, 2. / 32},
		{"zeros", []float64{0, 0, 0}, 0, 1},
		{"none", nil, 0, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			doubled, p := signedRank(tc.differences, unlimited)
			require.Equal(t, tc.sum, float64(doubled)/2)
			require.InDelta(t, tc.p, p, 1e-12)
		})
	}
}

// TestSignedRankTable holds the critical values of every textbook's table: the largest
// sum of ranks that is significant on two sides.
func TestSignedRankTable(t *testing.T) {
	for _, tc := range []struct {
		alpha  float64
		n, max int
	}{
		{0.05, 6, 0}, {0.05, 7, 2}, {0.05, 8, 3}, {0.05, 9, 5}, {0.05, 10, 8}, {0.05, 12, 13}, {0.05, 15, 25},
		{0.05, 20, 52}, {0.05, 25, 89}, {0.05, 30, 137}, {0.05, 40, 264}, {0.05, 50, 434},
		{0.01, 8, 0}, {0.01, 9, 1}, {0.01, 10, 3}, {0.01, 12, 7}, {0.01, 15, 15}, {0.01, 20, 37},
		{0.01, 25, 68}, {0.01, 30, 109},
	} {
		null := signsOf(tc.n, unlimited)
		require.LessOrEqual(t, 2*null.upTo(2*tc.max), tc.alpha, "n=%d", tc.n)
		require.Greater(t, 2*null.upTo(2*(tc.max+1)), tc.alpha, "n=%d", tc.n)
		largest, chance := null.largest(tc.alpha / 2)
		require.Equal(t, tc.max, largest/2, "n=%d", tc.n)
		require.Equal(t, null.upTo(2*tc.max), chance)
	}
}

// TestPermutationEnumerated swaps the sides of few pairs, with ties and zeros, in all
// ways, and adds up what the documentation says.
func TestPermutationEnumerated(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for n := 1; n <= 10; n++ {
		for _, values := range []int{1, 2, 5, 10_000} {
			differences := make([]float64, n)
			for i := range differences {
				differences[i] = float64(random.IntN(2*values+1) - values)
			}
			scores := make([]float64, n)
			middle, found := 0.0, 0.0
			for i, d := range differences {
				rank := 0.5
				for _, other := range differences {
					if math.Abs(other) < math.Abs(d) {
						rank++
					} else if math.Abs(other) == math.Abs(d) {
						rank += 0.5
					}
				}
				if d != 0 {
					scores[i] = min(rank, float64(n)/2)
				}
				middle += scores[i] / 2
				if d > 0 {
					found += scores[i]
				}
			}
			outside := 0
			for swap := range 1 << n {
				sum := 0.0
				for i, score := range scores {
					if swap>>i&1 == 1 {
						sum += score
					}
				}
				if math.Abs(sum-middle) >= math.Abs(found-middle) {
					outside++
				}
			}
			require.InDelta(t, float64(outside)/float64(int(1)<<n), Permutation(differences), 1e-12, "%v", differences)
		}
	}
}

// TestPermutationNormal: where the counting ends the approximation is near.
func TestPermutationNormal(t *testing.T) {
	const n = exactPairs + 1
	null := signsOf(n, n)
	for _, z := range []float64{0.5, 1, 2, 3, 3.5} {
		sum := int(float64(null.total)/2 - z*math.Sqrt(null.squares)/2)
		exact := 0.0
		for _, chance := range null.chances(sum) {
			exact += chance
		}
		require.InEpsilon(t, exact, null.upTo(sum), 0.2, "z=%v", z)
		require.GreaterOrEqual(t, null.upTo(sum), 0.98*exact, "it errs to the safe side")
	}
	largest, chance := null.largest(0.025)
	require.LessOrEqual(t, chance, 0.025)
	require.Greater(t, null.upTo(largest+2), 0.025)

	differences := make([]float64, 500)
	require.Equal(t, 1.0, Permutation(differences))
	for i := range differences {
		differences[i] = float64(i + 1)
	}
	require.Less(t, Permutation(differences), 1e-60)
}

// TestPermutationLevel draws from noise without a mean, whose scale changes from pair
// to pair: no more false alarms than promised, and not far fewer.
func TestPermutationLevel(t *testing.T) {
	const rounds = 10_000
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{12, 30} {
		alarms := 0
		for range rounds {
			differences := make([]float64, n)
			for i := range differences {
				differences[i] = math.Exp(random.NormFloat64()) * random.NormFloat64() / random.NormFloat64()
			}
			if Permutation(differences) <= 0.05 {
				alarms++
			}
		}
		e := Proportion(alarms, rounds, 0.999)
		require.LessOrEqual(t, e.Low, 0.05, "n=%d", n)
		require.GreaterOrEqual(t, e.High, 0.04, "n=%d", n)
	}
}

// TestPermutationPower compares scores: limited ranks find more than plain ones where
// some samples take far longer, and hardly less where none does.
func TestPermutationPower(t *testing.T) {
	const rounds, n = 600, 30
	random := rand.New(rand.NewPCG(5, 6))
	for _, tc := range []struct {
		name               string
		outliers           float64 // share of samples
		least, versusPlain float64 // share of changes that are found, and how many more
	}{
		{"normal", 0, 0.75, -0.1},
		{"outliers", 0.05, 0.6, 0.05},
	} {
		t.Run(tc.name, func(t *testing.T) {
			sample := func() float64 {
				v := random.NormFloat64()
				if random.Float64() < tc.outliers {
					v += 20
				}
				return v
			}
			limited, plain := 0, 0
			for range rounds {
				differences := make([]float64, n)
				for i := range differences {
					differences[i] = sample() - sample() + 1.1
				}
				if Permutation(differences) <= 0.005 {
					limited++
				}
				if _, p := signedRank(differences, unlimited); p <= 0.005 {
					plain++
				}
			}
			require.GreaterOrEqual(t, float64(limited)/rounds, tc.least)
			require.GreaterOrEqual(t, float64(limited-plain)/rounds, tc.versusPlain)
		})
	}
}

func BenchmarkPermutation(b *testing.B) {
	random := rand.New(rand.NewPCG(7, 8))
	for _, n := range []int{20, 40, 100} {
		differences := make([]float64, n)
		for i := range differences {
			differences[i] = random.NormFloat64()
		}
		b.Run(fmt.Sprintf("n=%d", n), func(b *testing.B) {
			for b.Loop() {
				Permutation(differences)
			}
		})
	}
}
