// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"sync"

	"arcbox.dev/datapath/pad"
)

// list is what is free and in no cache: a stack of slots' indexes in an array, under a
// lock. The buffer that was put last, whose bytes are likeliest in a cache, is got first.
//
// An array beats a list linked through the slots: who takes 32 indexes fetches two
// cache lines, one after the other in memory, instead of following 32 links of which
// each is a line in another core's cache.
//
// Under the lock nothing is done but to copy at most [moveMost] indexes, so it is held
// for some ten nanoseconds. If the scheduler takes the core away from a goroutine in
// that time, whoever needs the lock spins for a few microseconds and then sleeps until
// the holder has run again and has let go; its thread goes on with other goroutines.
// What a [Cache] holds can be got, and put up to its size, meanwhile.
//
// An index is the list's from give until take returns it. The mutex orders them: all
// that an owner did before it put a buffer is visible to the next who gets it.
type list struct {
	_    pad.Line // what all read is off the lines that all write
	mu   sync.Mutex
	free []uint32 // guarded by mu; the top is at the end, the capacity that of the pool
	_    pad.Line
}

// moveMost is the most indexes that are copied while the lock is held: 256 bytes.
const moveMost = 64

// init makes a list of indexes 0 to n-1, of which 0 is on top.
func (l *list) init(n int) {
	l.free = make([]uint32, n)
	for i := range l.free {
		l.free[i] = uint32(n - 1 - i)
	}
}

// pop takes the index on top, if there is one.
func (l *list) pop() (index uint32, ok bool) {
	l.mu.Lock()
	if n := len(l.free); n > 0 {
		index, ok = l.free[n-1], true
		l.free = l.free[:n-1]
	}
	l.mu.Unlock()
	return index, ok
}

// push puts an index on top.
func (l *list) push(index uint32) {
	l.mu.Lock()
	if len(l.free) == cap(l.free) {
		l.mu.Unlock()
		panic(tooMany)
	}
	l.free = append(l.free, index)
	l.mu.Unlock()
}

// take moves up to len(dst) indexes from the top to dst, topmost last, and returns how
// many. dst is not longer than moveMost.
func (l *list) take(dst []uint32) int {
	l.mu.Lock()
	n := min(len(dst), len(l.free))
	rest := len(l.free) - n
	copy(dst, l.free[rest:])
	l.free = l.free[:rest]
	l.mu.Unlock()
	return n
}

// give puts the indexes of src on top, the last one topmost. src is not longer than
// moveMost.
func (l *list) give(src []uint32) {
	l.mu.Lock()
	if len(src) > cap(l.free)-len(l.free) {
		l.mu.Unlock()
		panic(tooMany)
	}
	l.free = append(l.free, src...)
	l.mu.Unlock()
}

// tooMany is found in every build, but only once all the others are free too.
const tooMany = "pool: more buffers are put than the pool has: one was put twice"
