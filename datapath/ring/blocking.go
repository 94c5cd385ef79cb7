// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

// defaultSpins makes a few microseconds of looking, about what a wake-up costs.
const defaultSpins = 1000

// A Blocking is an [SPSC] whose producer sleeps while it is full and whose consumer sleeps while it is empty. Each side
// is used by one goroutine at a time.
type Blocking[T any] struct {
	ring   *SPSC[T]
	items  *Waiter // the consumer's
	room   *Waiter // the producer's
	closed index
}

// NewBlocking returns an empty queue with the given capacity in items, or [ErrCapacity].
func NewBlocking[T any](capacity int) (*Blocking[T], error) {
	r, err := NewSPSC[T](capacity)
	if err != nil {
		return nil, err
	}
	return &Blocking[T]{ring: r, items: NewWaiter(defaultSpins), room: NewWaiter(defaultSpins)}, nil
}

// Push appends v, waiting for room, and reports whether it did: false once the queue is closed. Producer only.
func (b *Blocking[T]) Push(v T) bool {
	for !b.isClosed() {
		if b.ring.Push(v) {
			b.items.Wake()
			return true
		}
		b.room.Wait(nil, b.canPush)
	}
	return false
}

// PushBatch appends all of src, waiting for room as often as needed, and returns how many it has appended: fewer than
// all if the queue was closed. Producer only.
func (b *Blocking[T]) PushBatch(src []T) int {
	pushed := 0
	for pushed < len(src) && !b.isClosed() {
		if n := b.ring.PushBatch(src[pushed:]); n > 0 {
			pushed += n
			b.items.Wake()
			continue
		}
		b.room.Wait(nil, b.canPush)
	}
	return pushed
}

// Pop removes the oldest item, waiting for one. It reports false once the queue is closed and empty. Consumer only.
func (b *Blocking[T]) Pop() (v T, ok bool) {
	for {
		// closed is loaded first: what was pushed before Close is then found by the Pop after it.
		closed := b.isClosed()
		if v, ok = b.ring.Pop(); ok {
			b.room.Wake()
			return v, true
		}
		if closed {
			return v, false
		}
		b.items.Wait(nil, b.canPop)
	}
}

// PopBatch removes up to len(dst) of the oldest items into dst, waiting for the first, and returns how many. It returns
// 0 once the queue is closed and empty, or if dst is empty. Consumer only.
func (b *Blocking[T]) PopBatch(dst []T) int {
	for len(dst) > 0 {
		closed := b.isClosed()
		if n := b.ring.PopBatch(dst); n > 0 {
			b.room.Wake()
			return n
		}
		if closed {
			return 0
		}
		b.items.Wait(nil, b.canPop)
	}
	return 0
}

// Close ends the queue: pushes fail from now on, and pops after the last item. Any goroutine may call it, more than
// once; an item pushed at the same moment by another goroutine may be lost, so it is best left to the producer.
func (b *Blocking[T]) Close() {
	b.closed.compareAndSwap(0, 1) // several goroutines may do so at once
	b.items.Wake()
	b.room.Wake()
}

func (b *Blocking[T]) isClosed() bool { return b.closed.load() != 0 }
func (b *Blocking[T]) canPush() bool  { return b.isClosed() || b.ring.Len() < b.ring.Cap() }
func (b *Blocking[T]) canPop() bool   { return b.isClosed() || b.ring.Len() > 0 }
