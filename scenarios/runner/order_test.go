// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// rounds gives the jobs' names in each round of a plan, warm-ups left out.
func rounds(p Plan) []string {
	var out []string
	last := 0
	for _, t := range p.turns() {
		if t.round == 0 {
			continue
		}
		if t.round != last {
			out, last = append(out, ""), t.round
		}
		_, name, _ := strings.Cut(p.Jobs[t.job].Name, "=")
		out[len(out)-1] += name
	}
	return out
}

// pairs has two pairs and a single job.
func pairs(seed uint64, count int) Plan {
	p := planOf(new(calls), "a", "x", "A", "b", "B")
	p.Seed = seed
	for i := range p.Jobs {
		p.Jobs[i].Count = count
		p.Jobs[i].Pair = map[string]string{"a": "first", "A": "first", "b": "second", "B": "second"}[p.Jobs[i].System.Name()]
	}
	return p
}

func TestSeedMakesTheOrder(t *testing.T) {
	orders := map[string]bool{}
	for _, seed := range []uint64{7, 7, 8, 9} {
		orders[strings.Join(rounds(pairs(seed, 10)), " ")] = true
	}
	require.Len(t, orders, 3, "the seed, and it alone")

	on := pairs(7, 10)
	on.FirstRound = 11
	require.NotEqual(t, rounds(pairs(7, 10)), rounds(on), "a run that goes on has an order of its own")
}

func TestPairsAreAdjacentAndBalanced(t *testing.T) {
	first := map[byte]int{}
	both := map[string]bool{}
	for seed := range uint64(20) {
		for _, round := range rounds(pairs(seed, 10)) {
			require.Len(t, round, 5)
			for _, pair := range []string{"aA", "bB"} {
				at := strings.IndexAny(round, pair)
				require.Contains(t, pair, string(round[at+1]), round)
				first[round[at]]++
			}
			both[string(round[strings.IndexAny(round, "aA")])+string(round[strings.IndexAny(round, "bB")])] = true
		}
	}
	require.Equal(t, map[byte]int{'a': 100, 'A': 100, 'b': 100, 'B': 100}, first)
	require.Len(t, both, 4, "pairs are independent of each other")
}

// TestMirror: with other jobs besides or not, pairs are the other way round.
func TestMirror(t *testing.T) {
	plain, mirrored := pairs(3, 10), pairs(3, 10)
	mirrored.Mirror = true
	mirrored.FirstRound = 11
	mirrored.Jobs = slices.DeleteFunc(mirrored.Jobs, func(j Job) bool { return j.Pair != "second" })
	mirrored.Jobs[0].Warmup, mirrored.Jobs[1].Warmup = 3, 3
	second := rounds(mirrored)
	for i, round := range rounds(plain) {
		at := strings.IndexAny(round, "bB")
		require.Equal(t, round[at:at+2], string([]byte{second[i][1], second[i][0]}))
	}

	three := pairs(3, 4)
	for i := range three.Jobs {
		three.Jobs[i].Pair = "all"
	}
	straight := rounds(three)
	three.Mirror = true
	for i, round := range rounds(three) {
		reversed := []byte(round)
		slices.Reverse(reversed)
		require.Equal(t, straight[i], string(reversed))
	}
}

// TestFewerSamplesAreSpread: a job with fewer samples has them over the whole run.
func TestFewerSamplesAreSpread(t *testing.T) {
	p := planOf(new(calls), "a", "b")
	p.Jobs[0].Count, p.Jobs[1].Count, p.Jobs[1].Warmup = 12, 3, 0
	var at []int
	warm := 0
	for _, turn := range p.turns() {
		switch {
		case turn.round == 0:
			require.Equal(t, 0, turn.job)
			warm++
		case turn.job == 1:
			at = append(at, turn.round)
		}
	}
	require.Equal(t, 1, warm)
	require.Equal(t, []int{4, 8, 12}, at)
	require.Len(t, p.turns(), 1+12+3)
}

// TestOrderIsFair: over many rounds each job is at each place equally often.
func TestOrderIsFair(t *testing.T) {
	const count = 6000
	p := planOf(new(calls), "a", "b", "c")
	p.Seed = rand.Uint64()
	for i := range p.Jobs {
		p.Jobs[i].Count = count
	}
	var at [3][3]int
	for _, round := range rounds(p) {
		for place := range round {
			at[round[place]-'a'][place]++
		}
	}
	for _, places := range at {
		for _, n := range places {
			require.InDelta(t, count/3, n, 250) // 6.8 standard deviations
		}
	}
}
