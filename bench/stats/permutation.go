// SPDX-License-Identifier: MIT OR Apache-2.0

package stats

import "math"

// exactPairs is how many pairs the permutations are counted for, which takes less
// than a millisecond; beyond, the sum of scores is near enough to normal.
const exactPairs = 100

// Permutation tests whether the two sides of pairs differ. If they do not, the two
// labels of each pair might as well have been swapped, and each difference might as
// well have had the other sign. p is the share of all such swaps that lead at least
// as far from the middle as the pairs as they are: two-sided, and exact whatever the
// distribution of the noise, how it changes from pair to pair, and what ties there are.
//
// How far is measured by the sum of the scores of the positive differences. A score
// is the rank of the difference's size, as in Wilcoxon's signed-rank test (Individual
// Comparisons by Ranking Methods, 1945), but of at most half the number of pairs: that
// a difference belongs to the larger half says that it is no noise of the usual
// kind, and how large it is says no more. Sums of plain ranks lose much of their power
// where one sample in twenty takes twice as long, or where there are two modes; signs
// alone lose it where there is nothing of the sort. Zeros are ranked and then left
// out (Pratt, Remarks on Zeros and Ties in the Wilcoxon Signed Rank Procedures, 1959).
//
// Scores are small whole numbers, so all 2ⁿ swaps are counted by their sums instead of
// drawn at random: p depends on no seed. It is 1 without pairs.
func Permutation(differences []float64) (p float64) {
	_, p = signedRank(differences, len(differences))
	return p
}

// signedRank returns the sum of the doubled ranks, each at most limit, of the positive
// differences, and the chance of one as far from the middle.
func signedRank(differences []float64, limit int) (positive int, p float64) {
	sizes := make([]float64, len(differences))
	for i, d := range differences {
		sizes[i] = math.Abs(d)
	}
	ranks, _ := midranks(sizes)
	scores := make([]int, 0, len(ranks)) // of the differences that have a sign
	for i, d := range differences {
		score := min(ranks[i], limit)
		if d != 0 {
			scores = append(scores, score)
		}
		if d > 0 {
			positive += score
		}
	}
	null := newSigns(scores)
	return positive, min(1, 2*null.upTo(min(positive, null.total-positive)))
}

// signs is the distribution of a sum of those of the scores whose difference is
// positive, when each of them is with chance 1/2. It is symmetric.
type signs struct {
	scores  []int
	total   int
	squares float64
}

func newSigns(scores []int) signs {
	s := signs{scores: scores}
	for _, score := range scores {
		s.total += score
		s.squares += float64(score) * float64(score)
	}
	return s
}

// upTo returns the chance of at most sum, which is in the lower half.
func (s signs) upTo(sum int) float64 {
	if len(s.scores) > exactPairs { // 1 is half a step of doubled ranks
		return beyond((float64(s.total)/2-float64(sum)-1)/math.Sqrt(s.squares/4)) / 2
	}
	below := 0.0
	for _, chance := range s.chances(sum) {
		below += chance
	}
	return below
}

// largest returns the largest sum that is not exceeded with a chance of at most tail,
// and that chance. Where even 0 is likelier it is 0.
func (s signs) largest(tail float64) (sum int, chance float64) {
	if len(s.scores) > exactPairs {
		sum = max(0, int(float64(s.total)/2-1-Z(2*tail)*math.Sqrt(s.squares/4)))
		return sum, s.upTo(sum)
	}
	chances := s.chances(s.total / 2)
	chance = chances[0]
	for sum+1 < len(chances) && chance+chances[sum+1] <= tail {
		sum++
		chance += chances[sum]
	}
	return sum, chance
}

// chances returns the chance of each sum from 0 to most.
func (s signs) chances(most int) []float64 {
	ways := make([]float64, most+1)
	ways[0] = 1
	reach := 0
	for _, score := range s.scores {
		reach = min(reach+score, most)
		for sum := reach; sum >= score; sum-- {
			ways[sum] += ways[sum-score]
		}
	}
	for sum := range ways {
		ways[sum] = math.Ldexp(ways[sum], -len(s.scores))
	}
	return ways
}
