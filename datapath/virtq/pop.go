// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

// Pop takes available chains, as many as there are and dst holds, and returns how
// many it has put there. The storage in dst is used again: a chain belongs to the
// caller until it hands the same Chain to Pop again, also after Push.
//
// A malformed chain breaks the queue. Those before it are still returned; from
// then on Pop returns 0 and an *Error.
func (q *Queue) Pop(dst []Chain) (int, error) {
	if q.err != nil {
		return 0, q.err
	}
	avail := q.loadAvail()
	// A driver has at most as many chains with the device as it has descriptors
	// (virtio 1.2 §2.7), counting those for which it has not seen a used element.
	// This also bounds what a device that keeps its chains for long can hold.
	if size := q.Size(); avail-q.nextAvail > size || avail-q.published > size {
		q.err = &Error{Reason: IndexJump, Index: avail}
		return 0, q.err
	}
	n := min(int(avail-q.nextAvail), len(dst))
	// A driver of longer chains doesn't pay at each for a look whether it is one of
	// those that go in a run.
	for done, singles := 0, true; done < n; {
		if singles {
			k := q.popSingles(dst[done:n])
			if done += k; done == n {
				break
			}
		}
		if err := q.walk(&dst[done], q.avail[q.nextAvail&q.mask]); err != nil {
			q.err = err
			if done == 0 {
				return 0, err
			}
			return done, nil
		}
		singles = dst[done].n == 1
		q.nextAvail++
		done++
	}
	return n, nil
}

// Unpop gives back the n chains that were popped last, none of which has been
// pushed: Pop will return them again. It gives back no more than are in flight.
func (q *Queue) Unpop(n int) {
	q.nextAvail -= uint16(max(0, min(n, q.InFlight())))
}

// Pending says whether Pop has something to return: a chain, or an error.
func (q *Queue) Pending() bool {
	return q.err != nil || q.loadAvail() != q.nextAvail
}

// loadAvail reads the available index. What the driver wrote before is visible
// afterwards.
func (q *Queue) loadAvail() uint16 {
	return uint16(q.availIndex.Load() >> q.availShift)
}
