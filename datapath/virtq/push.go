// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

// availNoInterrupt: the driver does not want interrupts (virtio 1.2 §2.7.6).
const availNoInterrupt = 1

// Push stages a used element: the chain that begins at head is done, and its first
// written writable bytes are what the device wrote. The driver sees it at the next
// Publish. Each chain is pushed once; the order is free.
func (q *Queue) Push(head uint16, written uint32) {
	q.used[q.staged&q.mask] = [2]uint32{uint32(head), written}
	q.staged++
}

// PushBatch is Push for chains that are all done, each with its Head and Written.
func (q *Queue) PushBatch(chains []Chain) {
	for len(chains) > 0 {
		run := q.used[q.staged&q.mask:] // up to where the ring wraps
		run = run[:min(len(run), len(chains))]
		for i := range run {
			c, e := &chains[i], &run[i]
			e[0], e[1] = uint32(c.Head), c.Written
		}
		q.staged += uint16(len(run))
		chains = chains[len(run):]
	}
}

// Publish hands all that was pushed to the driver, and says whether the driver
// wants an interrupt for it.
func (q *Queue) Publish() (interrupt bool) {
	if q.staged == q.published {
		return false
	}
	old := q.published
	q.published = q.staged
	q.storeUsed()
	// The driver's wish must be read after the index is visible: else both sides
	// may miss each other, the driver going to sleep just now and the device
	// seeing it still awake. On processors where a plain load may overtake an
	// atomic store, it does not overtake an atomic load in between.
	q.fence.Load()
	if q.forced {
		q.forced = false
		return true
	}
	if !q.eventIdx {
		return q.availFlags.Load()&availNoInterrupt == 0
	}
	return crossed(q.usedEvent.Load(), q.published, old)
}

// crossed says whether an index that went from old to now has passed event
// (virtio 1.2 §2.7.7.2, §2.7.10.1): all modulo 2^16.
func crossed(event, now, old uint16) bool {
	return now-event-1 < now-old
}

// storeUsed publishes the used ring's flags and index in one store. What was
// written before is visible to whoever sees it.
func (q *Queue) storeUsed() {
	q.usedWord.Store(uint32(q.usedFlags) | uint32(q.published)<<16)
}
