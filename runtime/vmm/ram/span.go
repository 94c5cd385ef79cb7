// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package ram

// maxSpans bounds the pieces of private memory. A guest can cut them by discarding single
// pages, and each cut costs the process a mapping, of which it may have 65,530
// (vm.max_map_count) for everything.
const maxSpans = 256

// span is a range of guest addresses that is not empty and does not wrap.
type span struct {
	start, end uint64
}

// subtract returns what of spans is outside cut, in the same order.
func subtract(spans []span, cut span) []span {
	var out []span
	for _, s := range spans {
		if s.end <= cut.start || s.start >= cut.end {
			out = append(out, s)
			continue
		}
		if s.start < cut.start {
			out = append(out, span{s.start, cut.start})
		}
		if s.end > cut.end {
			out = append(out, span{cut.end, s.end})
		}
	}
	return out
}

// intersect returns what of spans is inside window, in the same order.
func intersect(spans []span, window span) []span {
	var out []span
	for _, s := range spans {
		if both := (span{max(s.start, window.start), min(s.end, window.end)}); both.start < both.end {
			out = append(out, both)
		}
	}
	return out
}

// insert puts s, which overlaps none of spans, where it belongs among them. It may
// reuse their array.
func insert(spans []span, s span) []span {
	i := len(spans)
	for i > 0 && spans[i-1].start > s.start {
		i--
	}
	spans = append(spans, span{})
	copy(spans[i+1:], spans[i:])
	spans[i] = s
	return spans
}
