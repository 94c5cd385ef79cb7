// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// ports name a connection: the context identifiers are the same for all.
type ports struct{ host, guest uint32 }

type state uint8

const (
	dialing  state = iota // opRequest is to be sent, or unanswered
	open                  // both sides know each other
	draining              // the guest is done; the socket still takes what it sent
	ended
)

// says is a set of packets that a connection has for the guest. Being a set, it
// does not grow, however long the guest has no buffers for them.
type says uint8

const (
	sayRequest says = 1 << iota
	sayResponse
	sayShutdown
	sayUpdate // opCreditUpdate
	sayAsk    // opCreditRequest

	sayFirst = sayRequest | sayResponse // go before any data
)

// conn is a connection. The other end of its socket is the host's.
type conn struct {
	dev   *Device
	id    uint64 // never used twice, so that an event cannot meet another connection
	ports ports
	// dialed gets the outcome of a dial, once.
	dialed chan error

	// Guarded by Device.mu.
	inControl, inData bool

	mu    sync.Mutex
	state state
	fd    int // the device's end of the socket; -1 when ended
	says  says

	// To the guest.
	peer     credit
	asked    bool   // opCreditRequest was sent since data could last be sent
	readable bool   // the socket has data, or its end
	ending   bool   // the socket's end is there, behind what data it has
	hungUp   bool   // the host closed its end
	ourShut  uint32 // flags of opShutdown that the guest was told
	linger   *time.Timer

	// From the guest.
	window    window
	pace      pace
	unread    backlog
	full      bool   // the socket was full, and the poller has not seen it empty again
	unwanted  bool   // the host does not read any more
	guestShut uint32 // flags of opShutdown that the guest sent
	forgotten bool   // the guest has reset the connection
}

// header is a packet's header for c. It carries the window, as each packet does.
func (c *conn) header(op operation) header {
	c.window.tell(c.full)
	return header{
		srcCID: HostCID, dstCID: c.dev.cid,
		srcPort: c.ports.host, dstPort: c.ports.guest,
		socketType: typeStream, op: op,
		bufAlloc: c.window.size, fwdCount: c.window.toldForwarded,
	}
}

// nextPacket takes the next packet out of c.says, which is not empty.
func (c *conn) nextPacket() header {
	take := func(s says) bool {
		had := c.says&s != 0
		c.says &^= s
		return had
	}
	switch {
	case take(sayRequest):
		return c.header(opRequest)
	case take(sayResponse):
		return c.header(opResponse)
	case take(sayShutdown):
		h := c.header(opShutdown)
		h.flags = c.ourShut
		return h
	case take(sayUpdate):
		c.dev.count.creditUpdates.Add(1)
		return c.header(opCreditUpdate)
	default:
		c.says = 0
		return c.header(opCreditRequest)
	}
}

// say adds to what c has to say, and puts c in line.
func (c *conn) say(s says) {
	c.says |= s
	c.dev.mu.Lock()
	c.dev.line.addControl(c)
	c.dev.mu.Unlock()
}

// hostClosed tells the guest that the host has closed its end, once nothing is left
// to be read from there.
func (c *conn) hostClosed() {
	if c.hungUp && (c.ourShut&shutSend != 0 || c.guestShut&shutReceive != 0) {
		c.shut(shutBoth)
	}
}

// shut tells the guest what the host is not going to do any more.
func (c *conn) shut(flags uint32) {
	if c.ourShut|flags == c.ourShut || c.state != open {
		return
	}
	c.ourShut |= flags
	c.say(sayShutdown)
	if c.ourShut == shutBoth {
		// The guest is to acknowledge with opReset (virtio 1.2 §5.10.6.5).
		c.linger = time.AfterFunc(c.dev.linger, func() { c.abort(unix.ETIMEDOUT) })
	}
}

// guestShutdown deals with opShutdown.
func (c *conn) guestShutdown(flags uint32) {
	added := flags & shutBoth &^ c.guestShut
	c.guestShut |= added
	if c.guestShut == shutBoth {
		c.state = draining
		c.readable = false
	}
	if added&shutReceive != 0 {
		_ = unix.Shutdown(c.fd, unix.SHUT_RD) // fails only if the host has closed
	}
	if added != 0 && c.unread.empty() {
		c.drained()
	}
	c.hostClosed()
}

// guestReset deals with opReset.
func (c *conn) guestReset() {
	switch {
	case c.state == dialing:
		c.end(false, unix.ECONNREFUSED)
	case c.state == draining && !c.unread.empty():
		// It closed in good order and waited long enough for the host to read.
		// What it sent is not cut off.
		c.forgotten = true
		c.dev.unlist(c)
	default:
		c.end(false, unix.ECONNRESET)
	}
}

// abort ends c from outside, with a reset to the guest if it knows of c.
func (c *conn) abort(err error) {
	c.mu.Lock()
	c.end(c.says&sayRequest == 0, err)
	c.mu.Unlock()
	c.dev.pump()
}

// forget ends c because the guest has lost its queues. A dial of which the guest
// has not heard goes on waiting.
func (c *conn) forget() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state != dialing || c.says&sayRequest == 0 {
		c.end(false, unix.ECONNRESET)
	}
}

// end closes c for good, with a reset to the guest if tell is set. err is what a
// dial that still waits gets.
func (c *conn) end(tell bool, err error) {
	if c.state == ended {
		return
	}
	if c.state == dialing {
		c.dialed <- err
	}
	c.state = ended
	_ = unix.Close(c.fd) // also takes it out of the poller's set
	c.fd = -1
	c.says = 0
	c.readable = false
	c.unread.drop(c.unread.size)
	if c.linger != nil {
		c.linger.Stop()
	}
	c.dev.remove(c, tell && !c.forgotten)
}
