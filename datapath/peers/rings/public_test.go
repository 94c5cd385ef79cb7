// SPDX-License-Identifier: MIT OR Apache-2.0

package rings

import (
	"code.hybscloud.com/lfq"
	"github.com/puzpuzpuz/xsync/v4"
)

// The public packages' queues with one producer and one consumer; both take single items alone.

func xsyncEnds(s setup) func() []end {
	if s.batch > 1 {
		return nil
	}
	return func() []end {
		q := xsync.NewSPSCQueue[uint64](s.capacity)
		if s.cores == 1 {
			return []end{func() {
				var sum uint64
				for i := range s.items {
					v := uint64(i)
					q.TryEnqueue(v)
					v, _ = q.TryDequeue()
					sum += v
				}
				sink.Add(sum)
			}}
		}
		return []end{
			func() {
				for i := 0; i < s.items; {
					v := uint64(i)
					if q.TryEnqueue(v) {
						i++
					} else {
						idle(s.turns)
					}
				}
			},
			func() {
				var sum uint64
				for i := 0; i < s.items; {
					if v, ok := q.TryDequeue(); ok {
						i++
						sum += v
					} else {
						idle(s.turns)
					}
				}
				sink.Add(sum)
			},
		}
	}
}

func lfqEnds(s setup) func() []end {
	if s.batch > 1 {
		return nil
	}
	return func() []end {
		q := lfq.NewSPSC[uint64](s.capacity)
		if s.cores == 1 {
			return []end{func() {
				var sum uint64
				for i := range s.items {
					v := uint64(i)
					_ = q.Enqueue(&v)
					v, _ = q.Dequeue()
					sum += v
				}
				sink.Add(sum)
			}}
		}
		return []end{
			func() {
				for i := 0; i < s.items; {
					v := uint64(i)
					if q.Enqueue(&v) == nil {
						i++
					} else {
						idle(s.turns)
					}
				}
			},
			func() {
				var sum uint64
				for i := 0; i < s.items; {
					if v, err := q.Dequeue(); err == nil {
						i++
						sum += v
					} else {
						idle(s.turns)
					}
				}
				sink.Add(sum)
			},
		}
	}
}
