// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// reports serves the reporting queue: each buffer of a chain is memory that the guest
// does not use, and will not before the chain is answered (virtio 1.2 §5.5.6.7).
type reports struct {
	q  *virtio.Queue
	to *discarder
}

func (r *reports) handle(chains []virtq.Chain) {
	for i := range chains {
		for _, s := range chains[i].Writable() {
			if r.q.Stopped() {
				r.q.Unpop(len(chains) - i) // as in inflate
				return
			}
			r.to.count.reportedBytes.Add(uint64(s.Len()))
			r.to.segment(s)
		}
		r.q.Push(chains[i].Head, 0)
	}
}
