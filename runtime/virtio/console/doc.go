// SPDX-License-Identifier: MIT OR Apache-2.0

// Package console is the virtio console device (virtio 1.2 §5.3) with one port.
//
// What the guest writes goes to an io.Writer, what the host types goes to the guest
// through a buffer of bounded size. Each queue is served by one goroutine. A guest
// that gives no receive buffers holds up those who type and nobody else.
package console
