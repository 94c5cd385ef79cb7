// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

// queueSize is how much input waits for the guest, in bytes.
const queueSize = 4096

// queue is a ring of bytes.
type queue struct {
	buf     [queueSize]byte
	head, n int // the first byte and their number
}

// put appends what there is room for and returns how much that is.
func (q *queue) put(p []byte) int {
	p = p[:min(len(p), queueSize-q.n)]
	for _, c := range p {
		q.buf[(q.head+q.n)%queueSize] = c
		q.n++
	}
	return len(p)
}

// get takes the first byte; there is one.
func (q *queue) get() byte {
	c := q.buf[q.head]
	q.head = (q.head + 1) % queueSize
	q.n--
	return c
}
