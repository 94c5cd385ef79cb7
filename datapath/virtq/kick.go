// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

// usedNoNotify: the device does not want to be kicked (virtio 1.2 §2.7.8).
const usedNoNotify = 1

// DisableKicks asks the driver not to kick. It is a hint: kicks may still come.
func (q *Queue) DisableKicks() {
	// With event indexes there is nothing to write: the event index stays behind
	// the available index, which has passed it.
	if q.eventIdx || q.usedFlags == usedNoNotify {
		return
	}
	q.usedFlags = usedNoNotify
	q.storeUsed()
}

// EnableKicks asks the driver to kick at the next chain that it makes available
// (virtio 1.2 §2.7.10), and says whether there is more already, for which no kick
// may come. It is also true for a broken queue.
func (q *Queue) EnableKicks() (more bool) {
	if q.eventIdx {
		q.availEvent.Store(q.nextAvail)
		// A full barrier: an atomic store here and the atomic load in Pending, which
		// must not read the available index before the driver can see the event index.
		q.fence.Store(0)
	} else {
		// Stored even if it is 0 already: an earlier instance may have left it set.
		q.usedFlags = 0
		q.storeUsed()
	}
	return q.Pending()
}
