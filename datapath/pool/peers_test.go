// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import "sync"

// packet is what a benchmark does with a buffer.
type packet interface {
	Append(n int) []byte
	Len() int
}

// plain is a packet buffer as a user would write it, without an owner.
type plain struct {
	mem        []byte
	begin, end uint32
	_          [96]byte // as far apart as slots
}

func newPlain() *plain { return &plain{mem: make([]byte, benchConfig.Size)} }

func (p *plain) reset() {
	p.begin, p.end = uint32(benchConfig.Headroom), uint32(benchConfig.Headroom)
}

func (p *plain) Append(n int) []byte {
	begin := p.end
	p.end += uint32(n)
	return p.mem[begin:p.end]
}

func (p *plain) Len() int { return int(p.end - p.begin) }

func newBenchPool() *Pool {
	p, err := New(benchConfig)
	if err != nil {
		panic(err)
	}
	return p
}

// newCached is a pool with a cache for each goroutine.
func newCached() func() ends[Buffer] {
	p := newBenchPool()
	return func() ends[Buffer] {
		c, err := p.NewCache(CacheMost)
		if err != nil {
			panic(err)
		}
		return poolEnds(c.Get, c.GetBatch, c.Put, c.PutBatch)
	}
}

// newShared is a pool without caches.
func newShared() func() ends[Buffer] {
	p := newBenchPool()
	return func() ends[Buffer] { return poolEnds(p.Get, p.GetBatch, Buffer.Put, p.PutBatch) }
}

// poolEnds takes single buffers by the methods for them.
func poolEnds(get func() (Buffer, bool), getBatch func([]Buffer) int, put func(Buffer), putBatch func([]Buffer)) ends[Buffer] {
	return ends[Buffer]{
		get: func(dst []Buffer) int {
			if len(dst) != 1 {
				return getBatch(dst)
			}
			b, ok := get()
			if !ok {
				return 0
			}
			dst[0] = b
			return 1
		},
		put: func(bufs []Buffer) {
			if len(bufs) != 1 {
				putBatch(bufs)
				return
			}
			put(bufs[0])
		},
	}
}

// newMutexList is an array of buffers under a lock, taken once a batch.
func newMutexList() func() ends[*plain] {
	var mu sync.Mutex // guards free
	var free []*plain
	for range benchConfig.Buffers {
		free = append(free, newPlain())
	}
	return func() ends[*plain] {
		return ends[*plain]{
			get: func(dst []*plain) int {
				mu.Lock()
				n := copy(dst, free[len(free)-min(len(dst), len(free)):])
				free = free[:len(free)-n]
				mu.Unlock()
				for _, p := range dst[:n] {
					p.reset()
				}
				return n
			},
			put: func(bufs []*plain) {
				mu.Lock()
				free = append(free, bufs...)
				mu.Unlock()
			},
		}
	}
}

// newChannelList is a buffered channel of buffers.
func newChannelList() func() ends[*plain] {
	c := make(chan *plain, benchConfig.Buffers)
	for range benchConfig.Buffers {
		c <- newPlain()
	}
	return func() ends[*plain] {
		return ends[*plain]{
			get: func(dst []*plain) int {
				for i := range dst {
					select {
					case dst[i] = <-c:
						dst[i].reset()
					default:
						return i
					}
				}
				return len(dst)
			},
			put: func(bufs []*plain) {
				for _, p := range bufs {
					c <- p
				}
			},
		}
	}
}

// newSyncPool is a sync.Pool, which allocates when it is empty.
func newSyncPool() func() ends[*plain] {
	pool := &sync.Pool{New: func() any { return newPlain() }}
	return func() ends[*plain] {
		return ends[*plain]{
			get: func(dst []*plain) int {
				for i := range dst {
					dst[i] = pool.Get().(*plain)
					dst[i].reset()
				}
				return len(dst)
			},
			put: func(bufs []*plain) {
				for _, p := range bufs {
					pool.Put(p)
				}
			},
		}
	}
}
