// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package ram

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// points is the slow way to have ranges: the numbers that are in them.
func points(spans []span) map[uint64]bool {
	m := map[uint64]bool{}
	for _, s := range spans {
		for i := s.start; i < s.end; i++ {
			m[i] = true
		}
	}
	return m
}

func TestSpans(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := rapid.Custom(func(t *rapid.T) span {
			start := rapid.Uint64Range(0, 30).Draw(t, "start")
			return span{start, rapid.Uint64Range(start+1, 32).Draw(t, "end")}
		})
		var spans []span
		for range rapid.IntRange(0, 6).Draw(t, "count") {
			s := draw.Draw(t, "span")
			spans = insert(subtract(spans, s), s)
		}
		for i := 1; i < len(spans); i++ {
			require.LessOrEqual(t, spans[i-1].end, spans[i].start, "order")
		}
		all, cut := points(spans), draw.Draw(t, "cut")
		inside, outside := points(intersect(spans, cut)), points(subtract(spans, cut))
		for i := range uint64(32) {
			in := i >= cut.start && i < cut.end
			require.Equal(t, all[i] && in, inside[i], "%d inside %v", i, cut)
			require.Equal(t, all[i] && !in, outside[i], "%d outside %v", i, cut)
		}
	})
}
