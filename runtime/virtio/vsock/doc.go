// SPDX-License-Identifier: MIT OR Apache-2.0

// Package vsock is the virtio socket device for stream sockets (virtio 1.2 §5.10).
//
// The host's end of each connection is one end of a pair of Unix stream sockets: a
// net.Conn for this process, or a descriptor to pass to another, and no bytes are
// relayed by anyone. The device holds the other end and lets the kernel move bytes
// between that socket and the guest's own buffers. Only what a full socket does
// not take is copied, into a backlog that the granted window bounds.
//
// # Who runs
//
// Three goroutines serve a device, however many connections it has: one serves the
// guest's transmit queue (tx_linux.go), one waits for receive buffers when there
// were none (rx_linux.go), and one waits for the sockets (poll_linux.go). The last
// keeps an epoll set of its own instead of a goroutine a connection: an idle
// connection costs a table entry, one wake-up reports all sockets that are ready,
// which makes taking turns simple, and a socket that has nothing to drain does not
// wake anyone each time its reader reads. The set itself waits in the Go runtime's
// poller: no thread is blocked, and a thread of its own in epoll_wait was measured
// to wake no sooner.
//
// What goes to the guest is not queued as packets. A connection that has something
// to say stands in line (line.go) with bits that say what; whichever goroutine made
// it so moves the line on (pump), unless another is at it, who will then see the
// new entry. So an answer needs no second wake-up, and memory does not grow when
// the guest supplies no buffers.
//
// # Credit
//
// What the socket took has left the window, but the guest hears of it only while the
// socket is not full. So a guest that is faster than the host's reader waits for
// room in the socket, and its next bytes go there directly, where they would have to
// be copied otherwise.
//
// # Locks
//
// receiver.mu, then conn.mu, then Device.mu. The first guards the receive queue and
// is held while a line is moved on; the second guards one connection, its system
// calls included; the last is a leaf and held for a few instructions.
package vsock
