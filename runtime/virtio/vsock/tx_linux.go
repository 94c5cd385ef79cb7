// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// transmitter is the queue from the guest: the guest transmits.
type transmitter struct {
	q    *virtio.Queue
	done chan struct{}
	data []guestmem.Segment // payload of the packet at hand; storage used again
}

func (t *transmitter) running() bool { return t.done != nil }

func (t *transmitter) start(d *Device, q *virtio.Queue) {
	done := make(chan struct{})
	t.q, t.done = q, done
	go func() {
		defer close(done)
		if q.Run(d.receive) != nil {
			d.resetAll() // the guest cannot be heard any more
		}
	}()
}

func (t *transmitter) stop() {
	t.q.Stop()
	<-t.done
	*t = transmitter{}
}

// receive deals with a batch of packets from the guest.
func (d *Device) receive(chains []virtq.Chain) {
	for i := range chains {
		d.packet(chains[i].Readable())
	}
	d.tx.q.PushBatch(chains)
	d.tx.q.Flush()
	d.pump() // the answers, and data for which there is credit now
}

// packet deals with one packet. What is malformed ends its connection; what is not
// from this guest to this host is dropped.
func (d *Device) packet(segs []guestmem.Segment) {
	var h header
	if !readHeader(&h, segs) || h.srcCID != d.cid || h.dstCID != HostCID {
		d.count.dropped.Add(1)
		return
	}
	d.count.txPackets.Add(1)
	p := ports{host: h.dstPort, guest: h.srcPort}
	c := d.find(p)
	switch {
	case h.socketType != typeStream:
		d.refuse(&h) // virtio 1.2 §5.10.6.4.1: an unknown type is answered with opReset
	case c != nil:
		d.known(c, &h, segs)
	case h.op == opRequest:
		d.request(&h, p)
	default:
		d.refuse(&h)
	}
}

// refuse answers a packet that belongs to no connection, unless it is a reset.
func (d *Device) refuse(h *header) {
	if h.op == opReset {
		return
	}
	d.mu.Lock()
	ok := d.line.addReset(reset{ports{host: h.dstPort, guest: h.srcPort}, h.socketType})
	d.mu.Unlock()
	if !ok {
		d.count.dropped.Add(1)
	}
}

// request accepts a connection, or refuses it.
func (d *Device) request(h *header, p ports) {
	if !d.listening(p.host) {
		d.count.refused.Add(1)
		d.refuse(h)
		return
	}
	c, hostEnd, err := d.newConn(p, open)
	if err != nil {
		d.count.refused.Add(1)
		d.refuse(h)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learn(h)
	if c.state != open || d.poll.add(c.fd, c.id) != nil || !d.offer(p.host, c, hostEnd) {
		d.count.refused.Add(1)
		_ = unix.Close(hostEnd)
		c.end(true, unix.ECONNREFUSED)
		return
	}
	d.count.accepted.Add(1)
	c.say(sayResponse)
}

// learn takes the guest's credit from a packet's header.
func (c *conn) learn(h *header) {
	c.peer.alloc, c.peer.forwarded = h.bufAlloc, h.fwdCount
}

// known deals with a packet of a connection that is in the table.
func (d *Device) known(c *conn, h *header, segs []guestmem.Segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state {
	case ended: // just now
		d.refuse(h)
		return
	case dialing:
		if h.op != opResponse && h.op != opReset {
			c.end(true, unix.ECONNRESET)
			return
		}
	}
	c.learn(h)
	if h.op != opData && h.length != 0 {
		c.end(true, unix.ECONNRESET)
		return
	}
	switch h.op {
	case opData:
		d.data(c, h, segs)
	case opCreditUpdate:
	case opCreditRequest:
		c.say(sayUpdate)
	case opShutdown:
		c.guestShutdown(h.flags)
	case opReset:
		c.guestReset()
	case opResponse:
		if c.state == dialing && c.dev.poll.add(c.fd, c.id) == nil {
			c.state = open
			c.says &^= sayRequest // should the guest have guessed it
			c.dialed <- nil
			return
		}
		c.end(true, unix.ECONNRESET)
	default: // opRequest among them
		c.end(true, unix.ECONNRESET)
	}
	c.lineUp()
}

// data deals with opData. More than the packet holds, more than the guest's credit
// (virtio 1.2 §5.10.6.3.1), or data after its end ends the connection.
func (d *Device) data(c *conn, h *header, segs []guestmem.Segment) {
	var n int
	limit := min(h.length, largeWindow) // no window is larger
	d.tx.data, n = appendPayload(d.tx.data[:0], segs, int(limit))
	if uint32(n) != h.length || c.guestShut&shutSend != 0 || !c.window.admit(h.length) {
		c.end(true, unix.ECONNRESET)
		return
	}
	d.count.txBytes.Add(uint64(n))
	if n > 0 {
		c.deliver(d.tx.data, n)
	}
}
