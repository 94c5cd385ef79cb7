// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/virtio/iovec"
)

// lineUp puts c in line if it has data that may be sent, or the end of it.
func (c *conn) lineUp() {
	if c.sendLimit() == 0 {
		return
	}
	c.dev.mu.Lock()
	c.dev.line.addData(c)
	c.dev.mu.Unlock()
}

// sendLimit is how many bytes of data c may send now. Where the guest's credit
// alone is in the way, the guest is asked for more, once. The end of the data needs
// no credit.
func (c *conn) sendLimit() int {
	if c.state != open || !c.readable || c.ourShut&shutSend != 0 || c.guestShut&shutReceive != 0 {
		return 0
	}
	free := c.peer.free()
	if free == 0 {
		c.starve()
	}
	return int(free)
}

// starve deals with a socket that may have data, and no credit to read it.
func (c *conn) starve() {
	left, err := unix.IoctlGetInt(c.fd, unix.SIOCINQ)
	switch {
	case err == nil && left == 0 && c.ending:
		c.readEnded(nil)
	case err == nil && left == 0:
		c.readable = false
	case !c.asked:
		c.asked = true
		c.say(sayAsk)
	}
}

// readEnded deals with a read that gave nothing.
func (c *conn) readEnded(err error) {
	switch {
	case errors.Is(err, unix.EAGAIN):
		c.readable = false
	case errors.Is(err, unix.EFAULT):
		c.end(true, unix.ECONNRESET) // what was read went nowhere
	default:
		// An error means that the host closed its end with data unread.
		c.hungUp = c.hungUp || err != nil
		c.shut(shutSend)
		c.hostClosed()
	}
}

// events deals with what the poller saw at the socket.
func (c *conn) events(ev uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.state == ended {
		return
	}
	c.ending = c.ending || ev&(unix.EPOLLRDHUP|unix.EPOLLHUP) != 0
	if ev&unix.EPOLLHUP != 0 {
		c.hungUp = true
		c.hostClosed()
	}
	if c.full && ev&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLERR) != 0 {
		c.drain()
	}
	if ev&^unix.EPOLLOUT != 0 {
		c.readable = true
		c.lineUp()
	}
}

// deliver passes what the guest sent to the socket; size is the sum of data's
// lengths. What the socket does not take is kept.
func (c *conn) deliver(data []guestmem.Segment, size int) {
	sent := 0
	if c.unread.empty() && !c.unwanted {
		n, err := iovec.Send(c.fd, data, 0)
		for err == nil && sent+n < size {
			// More buffers than a call takes, or a full socket.
			sent += n
			n, err = iovec.Send(c.fd, data, sent)
		}
		sent += n
		switch {
		case err == nil || errors.Is(err, unix.EAGAIN):
		case errors.Is(err, unix.EFAULT):
			c.end(true, unix.ECONNRESET)
			return
		default:
			c.unwant()
		}
	}
	if c.unwanted {
		sent = size // nobody is going to read it
	}
	if sent < size {
		c.unread.add(data, sent)
		c.dev.count.backlogged.Add(uint64(size - sent))
		c.watch(true)
	}
	c.forward(sent)
}

// drain passes the backlog to a socket that has room again. The guest gets no new
// credit before the socket, with all of the backlog in it, is empty enough to take a
// window's worth at once: else whatever it sends would have to be copied.
func (c *conn) drain() {
	if c.unread.empty() {
		c.watch(false)
		c.forward(0)
		return
	}
	var space [iovec.Max]guestmem.Segment
	for !c.unread.empty() {
		n, err := iovec.Send(c.fd, c.unread.appendTo(space[:0], iovec.Max), 0)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case err != nil:
			c.unwant()
		default:
			c.unread.drop(n)
			c.forward(n)
		}
	}
	c.watch(!c.unwanted) // once more, with what the socket holds now
	c.drained()
}

// drained does what the guest asked for behind the data that the socket now has.
func (c *conn) drained() {
	switch {
	case c.state == draining:
		c.end(true, unix.ECONNRESET)
	case c.guestShut&shutSend != 0:
		_ = unix.Shutdown(c.fd, unix.SHUT_WR) // fails only if the host has closed
	}
}

// unwant notes that the host does not read any more, and drops the backlog.
func (c *conn) unwant() {
	c.unwanted = true
	n := c.unread.size
	c.unread.drop(n)
	c.forward(n)
	c.shut(shutReceive)
}

// forward notes that n bytes have left the window, lets it grow where that helps,
// and tells the guest if it is time.
func (c *conn) forward(n int) {
	w := &c.window
	w.forwarded += uint32(n)
	if c.state != open || c.full || !w.due(c.peer.alloc) {
		return
	}
	if c.pace.quick(w, time.Now(), c.dev.paceTime) && w.size < c.peer.alloc {
		c.grow()
	}
	c.say(sayUpdate)
}

// grow doubles the window, if the budget and the socket's buffer allow.
func (c *conn) grow() {
	size := c.window.size
	if !c.dev.grant(size) {
		return
	}
	if !roomy(c.fd, 2*size) {
		c.dev.giveBack(size)
		return
	}
	c.window.size = 2 * size
}

// watch turns on, or renews, or turns off that the poller looks for room in the
// socket.
func (c *conn) watch(on bool) {
	if c.full || on {
		c.full = on
		c.dev.poll.modify(c.fd, c.id, on)
	}
}
