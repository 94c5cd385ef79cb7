// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio"
)

// link is one connection of a Remote to a back end.
type link struct {
	*Frontend
	hangup    *os.File    // the same socket, to wait for its end
	unbind    func() bool // ends that the Remote's Close closes the connection
	offered   uint64      // features
	has       uint64      // protocol features in use
	queues    int         // at least 1
	accepted  uint64      // features that were set
	featuring bool        // they were
}

// connect calls the back end, and agrees with it on all that does not depend on
// the driver.
func (r *Remote) connect(ctx context.Context) (*link, error) {
	ctx, cancel := context.WithTimeout(ctx, r.options.Timeout)
	defer cancel()
	stop := context.AfterFunc(r.ctx, cancel)
	defer stop()
	c, err := r.dial(ctx)
	if err != nil {
		return nil, err
	}
	l := &link{Frontend: NewFrontend(c)}
	l.Timeout = r.options.Timeout
	l.unbind = context.AfterFunc(r.ctx, func() { _ = c.Close() })
	// The copy is not the connection's own, on which reading would exclude exchanges.
	if l.hangup, err = c.File(); err == nil {
		end := context.AfterFunc(ctx, func() { _ = c.Close() })
		err = l.negotiate(r)
		switch cut := !end(); {
		case cut && err != nil:
			err = fmt.Errorf("%w: %w", err, context.Cause(ctx))
		case cut:
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// negotiate does what precedes SET_FEATURES.
func (l *link) negotiate(r *Remote) (err error) {
	if err := l.SetOwner(); err != nil {
		return err
	}
	if l.offered, err = l.Features(); err != nil {
		return err
	}
	if l.offered&virtio.FeatureVersion1 == 0 {
		return errors.New("it does not offer VIRTIO_F_VERSION_1")
	}
	l.queues = 1
	if l.offered&FeatureProtocol != 0 {
		if err := l.negotiateProtocol(r); err != nil {
			return err
		}
	}
	return l.SetMemTable(r.table, r.fds)
}

func (l *link) negotiateProtocol(r *Remote) error {
	offered, err := l.ProtocolFeatures()
	if err != nil {
		return err
	}
	l.has = offered & offeredProtocol
	if err := l.SetProtocolFeatures(l.has); err != nil {
		return err
	}
	if l.has&ProtocolMQ != 0 {
		if l.queues, err = l.QueueNum(); err != nil {
			return err
		}
		if l.queues == 0 {
			return errors.New("it has no queue")
		}
	}
	if l.has&ProtocolBackendChannel != 0 {
		return l.OpenChannel(r.configChanged)
	}
	return nil
}

// within does something that takes the back end less than so long, or ends the
// connection and returns an error.
func (l *link) within(limit time.Duration, do func() error) error {
	timer := time.AfterFunc(limit, func() { _ = l.conn.Close() })
	err := do()
	if !timer.Stop() {
		return fmt.Errorf("not done within %v: %w", limit, os.ErrDeadlineExceeded)
	}
	return err
}

// wait returns when the back end has gone or close was called.
func (l *link) wait() { _ = poll(l.hangup, unix.POLLRDHUP) }

// close ends the connection. It may be called again.
func (l *link) close() {
	l.unbind()
	_ = l.Frontend.Close()
	if l.hangup != nil {
		_ = l.hangup.Close()
	}
}

// poll waits until one of events, or an error, is there on a non-blocking
// descriptor, or it was closed, which is an error. It reads nothing: the other
// side shares the descriptor's flags, and could make a read block.
func poll(f *os.File, events int16) error {
	c, err := f.SyscallConn()
	if err != nil {
		return err
	}
	return c.Read(func(fd uintptr) bool {
		fds := []unix.PollFd{{Fd: int32(fd), Events: events}}
		for {
			if n, err := unix.Poll(fds, 0); err != unix.EINTR {
				return n > 0
			}
		}
	})
}
