// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

// PushBatch appends as many of src as there is room for, in order, and returns how many. The index is published once.
// Producer only.
func (r *SPSC[T]) PushBatch(src []T) int {
	p := &r.producer
	if p.limit-p.next < uint64(len(src)) {
		r.findRoom()
	}
	n := min(len(src), int(p.limit-p.next))
	if n == 0 {
		return 0
	}
	first := copy(p.from(p.next, n), src[:n])
	copy(p.buf, src[first:n])
	r.publishTail(n)
	return n
}

// PopBatch removes up to len(dst) of the oldest items into dst, in order, and returns how many. The index is published
// once. Consumer only.
func (r *SPSC[T]) PopBatch(dst []T) int {
	c := &r.consumer
	if c.limit-c.next < uint64(len(dst)) {
		r.findItems()
	}
	n := min(len(dst), int(c.limit-c.next))
	if n == 0 {
		return 0
	}
	head := c.from(c.next, n)
	first := copy(dst[:n], head)
	copy(dst[first:n], c.buf)
	if c.scrub {
		clear(head)
		clear(c.buf[:n-first])
	}
	r.publishHead(n)
	return n
}

// from returns the slots from pos on, up to n of them or the end of the buffer.
func (s *side[T]) from(pos uint64, n int) []T {
	start := int(pos & uint64(len(s.buf)-1))
	return s.buf[start:min(start+n, len(s.buf))]
}

// publishTail passes the next n slots to the consumer. They have been written before; the consumer touches them only
// after it has loaded this tail.
func (r *SPSC[T]) publishTail(n int) {
	r.producer.next += uint64(n)
	r.tail.publish(r.producer.next)
}

// publishHead passes the next n slots back to the producer. They have been read, and zeroed where needed, before; the
// producer touches them only after it has loaded this head.
func (r *SPSC[T]) publishHead(n int) {
	r.consumer.next += uint64(n)
	r.head.publish(r.consumer.next)
}
