// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"

	"arcbox.dev/datapath/guestmem"
)

// Why a queue cannot be given to a back end that follows another one.
var (
	errInFlight = errors.New("requests were in flight when the back end went, and it does not tell which")
	errDisorder = errors.New("requests were in flight when the back end went, and it has answered out of order")
)

// noteLoss remembers how far the driver was when the back end went.
func (ring *remoteRing) noteLoss() {
	if indexes, err := ring.indexes(); err == nil {
		ring.left = indexes.avail
	}
}

// resumeAt returns the available index at which the next back end begins: as many
// requests as the used index says are done, and the rest are to be done again.
//
// That the rest are those which the available ring holds from there on is certain
// if nothing was in flight when the last back end went, or if it answers in order.
// In other cases nothing in guest memory tells them from requests that were
// answered, and doing one of those again would write to disk, or overwrite, what
// the driver has come to use for other things: then the queue is to be broken.
func (ring *remoteRing) resumeAt(mem *guestmem.Memory, inOrder bool) (base uint16, err error) {
	now, err := ring.indexes()
	if err != nil {
		return 0, err
	}
	flying := now.avail - now.used
	switch {
	case flying > ring.queue.Layout.Size:
		return 0, fmt.Errorf("%d requests in flight, the queue size is %d", flying, ring.queue.Layout.Size)
	case flying == 0, ring.on == nil, ring.left == now.used:
		return now.used, nil
	case !inOrder:
		return 0, errInFlight
	}
	fault := guestmem.Guard(func() { err = ring.verifyOrder(mem, now.used) })
	if fault != nil {
		err = fault
	}
	return now.used, err
}

// verifyOrder looks whether the answers that the rings remember came in order.
func (ring *remoteRing) verifyOrder(mem *guestmem.Memory, end uint16) error {
	at := ring.queue.Layout
	avail, err := guestmem.Entries[uint16](mem, at.Avail+4, uint64(at.Size))
	if err != nil {
		return err
	}
	used, err := guestmem.Entries[[2]uint32](mem, at.Used+4, uint64(at.Size))
	if err != nil {
		return err
	}
	mask := at.Size - 1
	for before := uint16(0); ; {
		now, err := ring.indexes()
		if err != nil {
			return err
		}
		flying := now.avail - end
		if flying > at.Size {
			return fmt.Errorf("%d requests in flight, the queue size is %d", flying, at.Size)
		}
		// Half is left out: the driver may be at writing there, unpublished as yet.
		past := min(end-ring.first, (at.Size-flying)/2)
		inOrder := true
		for i := end - past; i != end; i++ {
			inOrder = inOrder && used[i&mask][0] == uint32(avail[i&mask])
		}
		if inOrder {
			return nil
		}
		// With each round the driver has used up more of the queue, or it is over.
		if flying <= before {
			return errDisorder
		}
		before = flying
	}
}

// ringIndexes are a queue's two indexes.
type ringIndexes struct{ avail, used uint16 }

// indexes reads both. They are claims of the other two sides.
func (ring *remoteRing) indexes() (now ringIndexes, err error) {
	err = guestmem.Guard(func() {
		now.used = ring.view.UsedIndex()
		now.avail = uint16(ring.word.Load() >> ring.shift)
	})
	return now, err
}

// findIndex finds the available index, in the aligned word that it is half of.
func (ring *remoteRing) findIndex(mem *guestmem.Memory) (err error) {
	index := ring.queue.Layout.Avail + 2
	ring.word, err = mem.Atomic32(index &^ 3)
	ring.shift = index & 3 * 8
	return err
}
