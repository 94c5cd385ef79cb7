// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package linuxnat

import (
	"fmt"
	"net"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// batch is the greatest number of packets a system call.
	batch = 64
	// payload is the number of bytes of UDP data, which makes the shortest Ethernet frame.
	payload = 18
	// firstPort is the port of the first flow, in host byte order.
	firstPort = 9000
)

// mmsghdr is struct mmsghdr of sendmmsg(2), which x/sys does not have. Go pads it to a multiple of a pointer's size, as
// C does.
type mmsghdr struct {
	header unix.Msghdr
	sent   uint32
}

// A sender sends UDP packets to one address, in flows that differ by the port that they go to.
type sender struct {
	fd       int
	messages []mmsghdr
	next     int
}

// newSender opens a socket in a namespace.
func newSender(n *namespace, to net.IP, flows int) (*sender, error) {
	s := &sender{messages: make([]mmsghdr, max(flows, batch))}
	err := n.run(func() (err error) {
		s.fd, err = unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	data := make([]byte, payload)
	iov := &unix.Iovec{Base: &data[0]}
	iov.SetLen(len(data))
	for i := range s.messages {
		port := uint16(firstPort + i%flows)
		name := &unix.RawSockaddrInet4{Family: unix.AF_INET, Addr: [4]byte(to.To4())}
		// In network order whatever the machine: the field is two bytes, and name outlives the pointer to them.
		*(*[2]byte)(unsafe.Pointer(&name.Port)) = [2]byte{byte(port >> 8), byte(port)}
		h := &s.messages[i].header
		// The kernel takes any kind of address here, and reads Namelen bytes of it. The collector sees the pointer,
		// which stays typed as one, and keeps name.
		h.Name, h.Namelen = (*byte)(unsafe.Pointer(name)), unix.SizeofSockaddrInet4
		h.Iov = iov
		h.SetIovlen(1)
	}
	return s, nil
}

// send sends n packets, each flow's in turn.
func (s *sender) send(n int) error {
	for n > 0 {
		window := s.messages[s.next:min(s.next+min(n, batch), len(s.messages))]
		// The kernel reads the messages, and what they point to, during the call only. They are on the heap, where
		// nothing moves, and s keeps them.
		sent, _, errno := unix.Syscall6(unix.SYS_SENDMMSG, uintptr(s.fd), uintptr(unsafe.Pointer(&window[0])), uintptr(len(window)), 0, 0, 0)
		if errno == unix.EINTR {
			continue
		}
		if errno != 0 {
			return fmt.Errorf("sending: %w", errno)
		}
		n -= int(sent)
		s.next = (s.next + int(sent)) % len(s.messages)
	}
	return nil
}

func (s *sender) close() error { return unix.Close(s.fd) }
