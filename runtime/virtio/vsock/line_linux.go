// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import "sync/atomic"

// maxResets bounds the answers to packets that belong to no connection. A guest
// that lets more pile up, since it supplies no buffers, does not get the rest.
const maxResets = 1024

// line is what waits for buffers of the guest, in order of precedence: resets that
// belong to no connection, connections with a packet without data, and connections
// with data. A connection stands in each line once at most. Device.mu guards it.
type line struct {
	resets  fifo[reset]
	control fifo[*conn]
	data    fifo[*conn]
	waiting atomic.Int32 // entries in all three; read without the lock
}

// reset is an opReset for a connection that is not there.
type reset struct {
	ports      ports
	socketType uint16
}

// addReset puts r in line unless that is full, and reports whether it did.
func (l *line) addReset(r reset) bool {
	if l.resets.len() == maxResets {
		return false
	}
	l.resets.push(r)
	l.waiting.Add(1)
	return true
}

func (l *line) addControl(c *conn) {
	if !c.inControl {
		c.inControl = true
		l.control.push(c)
		l.waiting.Add(1)
	}
}

func (l *line) addData(c *conn) {
	if !c.inData {
		c.inData = true
		l.data.push(c)
		l.waiting.Add(1)
	}
}

// peekReset returns the first reset; it stays in line until dropReset.
func (l *line) peekReset() (r reset, ok bool) { return l.resets.peek() }

func (l *line) dropReset() {
	if _, ok := l.resets.pop(); ok {
		l.waiting.Add(-1)
	}
}

func (l *line) nextControl() (c *conn) {
	c, ok := l.control.pop()
	if ok {
		c.inControl = false
		l.waiting.Add(-1)
	}
	return c
}

func (l *line) nextData() (c *conn) {
	c, ok := l.data.pop()
	if ok {
		c.inData = false
		l.waiting.Add(-1)
	}
	return c
}

func (l *line) clearResets() {
	l.waiting.Add(-int32(l.resets.len()))
	l.resets = fifo[reset]{}
}

// fifo is a first-in first-out queue in a ring that grows as needed.
type fifo[T any] struct {
	ring  []T // its length is a power of two, or 0
	first int
	count int
}

func (f *fifo[T]) len() int { return f.count }

func (f *fifo[T]) push(v T) {
	if f.count == len(f.ring) {
		ring := make([]T, max(8, 2*f.count))
		n := copy(ring, f.ring[f.first:])
		copy(ring[n:], f.ring[:f.first])
		f.ring, f.first = ring, 0
	}
	f.ring[(f.first+f.count)&(len(f.ring)-1)] = v
	f.count++
}

func (f *fifo[T]) peek() (v T, ok bool) {
	if f.count == 0 {
		return v, false
	}
	return f.ring[f.first], true
}

func (f *fifo[T]) pop() (v T, ok bool) {
	if f.count == 0 {
		return v, false
	}
	var zero T
	v, f.ring[f.first] = f.ring[f.first], zero
	f.first = (f.first + 1) & (len(f.ring) - 1)
	f.count--
	return v, true
}
