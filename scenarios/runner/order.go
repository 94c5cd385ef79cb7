// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"hash/fnv"
	"math/rand/v2"
	"slices"
)

// turn is one run of a job.
type turn struct {
	job   int // index in the plan
	round int // as samples are numbered; 0 is a warm-up
}

// turns are all runs of a plan, in their order: rounds of warm-ups, then rounds of
// samples. A job with fewer samples than others sits out rounds evenly, so that its
// samples too are spread over the whole run.
func (p Plan) turns() []turn {
	warm, rounds := 0, 0
	for _, j := range p.Jobs {
		if n := p.needed(j); n > 0 {
			warm, rounds = max(warm, j.Warmup), max(rounds, n)
		}
	}
	first := max(p.FirstRound, 1)
	// A run that goes on does not begin with the order of the one before.
	random := rand.New(rand.NewPCG(p.Seed, uint64(first)))
	var out []turn
	add := func(groups []*group, number int, takesPart func(Job) bool) {
		for _, g := range random.Perm(len(groups)) {
			for _, job := range groups[g].next() {
				if takesPart(p.Jobs[job]) {
					out = append(out, turn{job, number})
				}
			}
		}
	}
	groups := p.groups()
	for i := range warm {
		add(groups, 0, func(j Job) bool { return i < j.Warmup && p.needed(j) > 0 })
	}
	groups = p.groups() // whose orders do not depend on warm-ups
	for i := range rounds {
		add(groups, first+i, func(j Job) bool {
			n := p.needed(j)
			return (i+1)*n/rounds > i*n/rounds
		})
	}
	return out
}

// group is jobs that run next to each other.
type group struct {
	jobs   []int // in the order of their last round, were it not mirrored
	random *rand.Rand
	rounds int // so far
	mirror bool
}

// groups gathers the jobs of each pair; a job without one is alone.
func (p Plan) groups() []*group {
	var out []*group
	at := map[string]*group{}
	for i, j := range p.Jobs {
		if g := at[j.Pair]; g != nil && j.Pair != "" {
			g.jobs = append(g.jobs, i)
			continue
		}
		// The order in a pair is the pair's own matter, so that it is the same, or
		// mirrored, in a run that has other jobs besides.
		name := fnv.New64a()
		_, _ = name.Write([]byte(j.Pair)) // never fails
		g := &group{jobs: []int{i}, random: rand.New(rand.NewPCG(p.Seed, name.Sum64())), mirror: p.Mirror}
		at[j.Pair] = g
		out = append(out, g)
	}
	return out
}

// next returns the jobs in their order in the next round. Each two rounds have an
// order and its reverse, so that over a run no job comes first more often than another.
func (g *group) next() []int {
	if g.rounds%2 == 0 {
		g.random.Shuffle(len(g.jobs), func(i, j int) { g.jobs[i], g.jobs[j] = g.jobs[j], g.jobs[i] })
	} else {
		slices.Reverse(g.jobs)
	}
	g.rounds++
	order := slices.Clone(g.jobs)
	if g.mirror {
		slices.Reverse(order)
	}
	return order
}
