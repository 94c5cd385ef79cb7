// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// backChannel is the front end's side of the way on which a back end sends requests.
type backChannel struct {
	conn *conn
	done chan struct{} // closed once nobody reads any more
}

// OpenChannel gives the back end a way to say that the configuration space has
// changed: configChanged is called then, on a goroutine of the Frontend's, until
// Close. It needs ProtocolBackendChannel.
func (f *Frontend) OpenChannel(configChanged func()) error {
	ours, theirs, err := socketPair()
	if err != nil {
		return named(setBackendChannel, err)
	}
	defer theirs.Close()
	ch := &backChannel{conn: newConn(ours), done: make(chan struct{})}
	go ch.serve(configChanged)

	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.tellLocked(setBackendChannel, file{}, int(theirs.Fd())); err != nil {
		ch.close()
		return err
	}
	if f.channel != nil {
		f.channel.close()
	}
	f.channel = ch
	return nil
}

// serve answers requests until the channel is closed. A back end that sends
// something else than requests loses the channel.
func (ch *backChannel) serve(changed func()) {
	defer close(ch.done)
	for {
		m, err := ch.conn.receive()
		if err != nil || m.isReply() {
			m.files.close()
			_ = ch.conn.Close()
			return
		}
		m.files.close()
		result := number(1)
		if m.request == configChanged && m.size == 0 {
			changed()
			result = 0
		}
		if m.needReply() {
			_ = ch.conn.send(m.request, flagReply, result)
		}
	}
}

func (ch *backChannel) close() {
	_ = ch.conn.Close()
	<-ch.done
}

// socketPair makes a pair of stream sockets, one for this process and one to pass on.
func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("socketpair: %w", err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "channel"), os.NewFile(uintptr(fds[1]), "channel")
	defer ours.Close()
	c, err := net.FileConn(ours)
	if err != nil {
		_ = theirs.Close()
		return nil, nil, err
	}
	return c.(*net.UnixConn), theirs, nil
}
