// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/loglimit"
)

// Backend serves one device to one front end at a time.
type Backend struct {
	dev    virtio.Device
	log    *slog.Logger
	ctx    context.Context // done once Close was called
	cancel context.CancelFunc

	serving sync.Mutex // held while a front end is served

	mu      sync.Mutex
	channel *channel // to the front end that is served, or nil
}

// NewBackend returns a back end for dev, which stays the caller's: Close it after
// the Backend. What a front end does wrong is logged as a warning, a few of them a
// second at most. log may be nil.
func NewBackend(dev virtio.Device, log *slog.Logger) *Backend {
	ctx, cancel := context.WithCancel(context.Background())
	return &Backend{
		dev:    dev,
		log:    loglimit.New(log, dev.ID()),
		ctx:    ctx,
		cancel: cancel,
	}
}

// acceptPause is how long Serve waits when the process has no descriptor left for
// a new connection.
const acceptPause = 100 * time.Millisecond

// Serve accepts front ends one after the other, so that one that lost its
// connection, or its successor, can connect again. It closes l at its end, and
// returns nil after Close.
func (b *Backend) Serve(l *net.UnixListener) error {
	stop := context.AfterFunc(b.ctx, func() { _ = l.Close() })
	defer func() {
		if stop() {
			_ = l.Close()
		}
	}()
	for {
		c, err := l.AcceptUnix()
		switch {
		case b.ctx.Err() != nil:
			if err == nil {
				_ = c.Close()
			}
			return nil
		case exhausted(err):
			b.log.Warn("cannot accept a front end", "error", err)
			select {
			case <-time.After(acceptPause):
			case <-b.ctx.Done():
			}
		case err != nil:
			return fmt.Errorf("accepting a vhost-user front end: %w", err)
		default:
			if err := b.ServeConn(c); err != nil {
				b.log.Warn("front end disconnected", "error", err)
			}
		}
	}
}

// errBusy: a Backend was asked to serve two front ends at once.
var errBusy = errors.New("serving a vhost-user front end: the device is in use by another")

// ServeConn serves one front end until it goes, breaks the protocol, which is the
// error, or Close is called. At its end it has closed c, stopped all queues, reset
// the device and unmapped the front end's memory.
func (b *Backend) ServeConn(c *net.UnixConn) error {
	if !b.serving.TryLock() {
		_ = c.Close()
		return errBusy
	}
	defer b.serving.Unlock()
	// From here on Close waits for this front end's end.
	stop := context.AfterFunc(b.ctx, func() { _ = c.Close() })
	defer stop()

	s := newSession(b.dev, b.log, newConn(c))
	b.attach(s.channel)
	err := s.serve()
	b.attach(nil)
	if b.ctx.Err() != nil {
		err = nil // the connection was closed on this side
	}
	return errors.Join(err, s.close())
}

// attach makes ch the channel that NotifyConfig uses, and has the device use
// NotifyConfig while there is one.
func (b *Backend) attach(ch *channel) {
	b.mu.Lock()
	b.channel = ch
	b.mu.Unlock()
	if d, ok := b.dev.(virtio.ConfigChanger); ok {
		if ch == nil {
			d.OnConfigChange(nil)
		} else {
			d.OnConfigChange(b.NotifyConfig)
		}
	}
}

// NotifyConfig tells the front end, if there is one that wants to know, that the
// device's configuration space has changed. It never blocks and may be called from
// any goroutine. Devices that are virtio.ConfigChangers are set to call it.
func (b *Backend) NotifyConfig() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.channel == nil {
		return
	}
	if err := b.channel.configChanged(); err != nil {
		b.log.Warn("front end not reached", "error", err)
	}
}

// Close ends Serve and ServeConn, and waits until no front end is served and the
// device is at rest. It may be called again. It must not be called by the device.
func (b *Backend) Close() error {
	b.cancel()
	b.serving.Lock()
	defer b.serving.Unlock()
	return nil
}
