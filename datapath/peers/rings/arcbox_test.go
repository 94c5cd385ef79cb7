// SPDX-License-Identifier: MIT OR Apache-2.0

package rings

import "arcbox.dev/datapath/ring"

// must returns the ring of a constructor that was given a good capacity.
func must[Q any](q Q, err error) Q {
	if err != nil {
		panic(err)
	}
	return q
}

func spscEnds(s setup) func() []end {
	switch {
	case s.inPlace:
		return spscInPlaceEnds(s)
	case s.batch > 1:
		return spscBatchEnds(s)
	}
	return func() []end {
		r := must(ring.NewSPSC[uint64](s.capacity))
		if s.cores == 1 {
			return []end{func() {
				var sum uint64
				for i := range s.items {
					r.Push(uint64(i))
					v, _ := r.Pop()
					sum += v
				}
				sink.Add(sum)
			}}
		}
		return []end{
			func() {
				for i := 0; i < s.items; {
					if r.Push(uint64(i)) {
						i++
					} else {
						idle(s.turns)
					}
				}
			},
			func() {
				var sum uint64
				for i := 0; i < s.items; {
					if v, ok := r.Pop(); ok {
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

func spscBatchEnds(s setup) func() []end {
	return func() []end {
		r := must(ring.NewSPSC[uint64](s.capacity))
		src, dst := make([]uint64, s.batch), make([]uint64, s.batch)
		if s.cores == 1 {
			return []end{func() {
				for i := 0; i < s.items; {
					r.PushBatch(src)
					i += r.PopBatch(dst)
				}
				sink.Add(dst[0])
			}}
		}
		return []end{
			func() {
				for i := 0; i < s.items; {
					n := r.PushBatch(src[:min(s.batch, s.items-i)])
					if i += n; n == 0 {
						idle(s.turns)
					}
				}
			},
			func() {
				for i := 0; i < s.items; {
					n := r.PopBatch(dst[:min(s.batch, s.items-i)])
					if i += n; n == 0 {
						idle(s.turns)
					}
				}
				sink.Add(dst[0])
			},
		}
	}
}

func spscInPlaceEnds(s setup) func() []end {
	return func() []end {
		r := must(ring.NewSPSC[uint64](s.capacity))
		produce := func(i int) int {
			slots := r.Reserve(min(s.batch, s.items-i))
			for j := range slots {
				slots[j] = uint64(i + j)
			}
			r.Commit(len(slots))
			return len(slots)
		}
		consume := func(i int) (n int, sum uint64) {
			slots := r.Peek(min(s.batch, s.items-i))
			for _, v := range slots {
				sum += v
			}
			r.Release(len(slots))
			return len(slots), sum
		}
		if s.cores == 1 {
			return []end{func() {
				for i := 0; i < s.items; {
					produce(i)
					n, sum := consume(i)
					i += n
					if i == s.items {
						sink.Add(sum)
					}
				}
			}}
		}
		return []end{
			func() {
				for i := 0; i < s.items; {
					n := produce(i)
					if i += n; n == 0 {
						idle(s.turns)
					}
				}
			},
			func() {
				var total uint64
				for i := 0; i < s.items; {
					n, sum := consume(i)
					total += sum
					if i += n; n == 0 {
						idle(s.turns)
					}
				}
				sink.Add(total)
			},
		}
	}
}

func slotEnds(s setup) func() []end {
	if s.batch > 1 {
		return nil
	}
	return func() []end {
		r := must(ring.NewSlotSPSC[uint64](s.capacity))
		if s.cores == 1 {
			return []end{func() {
				var sum uint64
				for i := range s.items {
					r.Push(uint64(i))
					v, _ := r.Pop()
					sum += v
				}
				sink.Add(sum)
			}}
		}
		return []end{
			func() {
				for i := 0; i < s.items; {
					if r.Push(uint64(i)) {
						i++
					} else {
						idle(s.turns)
					}
				}
			},
			func() {
				var sum uint64
				for i := 0; i < s.items; {
					if v, ok := r.Pop(); ok {
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
