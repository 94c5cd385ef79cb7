// SPDX-License-Identifier: MIT OR Apache-2.0

package diff

import (
	"math"

	pprof "github.com/google/pprof/profile"
)

// observed returns how to find out how many observations are behind a sample. Go's
// profiles of allocations hold estimates: one is noted about every so many bytes, the
// profile's period (runtime.MemProfileRate), and a larger one always.
func observed(p *pprof.Profile) func(*pprof.Sample) float64 {
	index := map[string]int{}
	for i, t := range p.SampleType {
		index[t.Type] = i
	}
	value := func(s *pprof.Sample, i int) float64 { return math.Abs(float64(s.Value[i])) }
	for _, count := range []string{"samples", "contentions"} {
		if i, ok := index[count]; ok {
			return func(s *pprof.Sample) float64 { return value(s, i) }
		}
	}
	objects, haveObjects := index["alloc_objects"]
	space, haveSpace := index["alloc_space"]
	if haveObjects && haveSpace && p.Period > 0 {
		return func(s *pprof.Sample) float64 {
			return min(value(s, objects), value(s, space)/float64(p.Period))
		}
	}
	return func(*pprof.Sample) float64 { return 0 }
}

// sureAt is how many standard errors a change must have to be more than chance. It is
// higher than for one comparison, since many functions are compared.
const sureAt = 3

// chance says whether a change of flat costs may well come from the sampling alone: n
// observations have a relative standard error of 1/√n, as those of a Poisson process.
// It is a hint. By how much runs differ for other reasons, such as what else the
// machine does, is not in it; that is much for waits.
func chance(before, after Cost) bool {
	if before.Flat != 0 && before.Events == 0 || after.Flat != 0 && after.Events == 0 {
		return false // not known
	}
	return math.Abs(after.Flat-before.Flat) < sureAt*math.Sqrt(variance(before)+variance(after))
}

func variance(c Cost) float64 {
	if c.Events == 0 {
		return 0
	}
	return c.Flat * c.Flat / c.Events
}
