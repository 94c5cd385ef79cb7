// SPDX-License-Identifier: MIT OR Apache-2.0

package rings

import "sync"

// A mutexRing is a ring under a lock.
type mutexRing struct {
	mu         sync.Mutex // guards the rest
	buf        []uint64
	head, tail uint64
}

func (m *mutexRing) push(v uint64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tail-m.head == uint64(len(m.buf)) {
		return false
	}
	m.buf[m.tail&uint64(len(m.buf)-1)] = v
	m.tail++
	return true
}

func (m *mutexRing) pop() (v uint64, ok bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.tail == m.head {
		return 0, false
	}
	v = m.buf[m.head&uint64(len(m.buf)-1)]
	m.head++
	return v, true
}

func mutexEnds(s setup) func() []end {
	if s.batch > 1 {
		return nil
	}
	return func() []end {
		q := &mutexRing{buf: make([]uint64, s.capacity)}
		if s.cores == 1 {
			return []end{func() {
				var sum uint64
				for i := range s.items {
					v := uint64(i)
					q.push(v)
					v, _ = q.pop()
					sum += v
				}
				sink.Add(sum)
			}}
		}
		return []end{
			func() {
				for i := 0; i < s.items; {
					v := uint64(i)
					if q.push(v) {
						i++
					} else {
						idle(s.turns)
					}
				}
			},
			func() {
				var sum uint64
				for i := 0; i < s.items; {
					if v, ok := q.pop(); ok {
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

// channelEnds uses a buffered channel as it is used: both ends block.
func channelEnds(s setup) func() []end {
	if s.batch > 1 || s.turns > 0 {
		return nil
	}
	return func() []end {
		q := make(chan uint64, s.capacity)
		if s.cores == 1 {
			return []end{func() {
				var sum uint64
				for i := range s.items {
					q <- uint64(i)
					sum += <-q
				}
				sink.Add(sum)
			}}
		}
		return []end{
			func() {
				for i := range s.items {
					q <- uint64(i)
				}
			},
			func() {
				var sum uint64
				for range s.items {
					sum += <-q
				}
				sink.Add(sum)
			},
		}
	}
}
