// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"sort"
	"sync"
)

// configCache is what was read of a configuration space, from its beginning.
type configCache struct {
	mu    sync.Mutex
	data  [maxConfig]byte // what was read last, be it out of date
	valid int             // bytes of data that are up to date
	edits uint64          // how often that was found to be over
}

// read copies to p and tells whether all of it is up to date. Where it is not, it
// returns the version that a store of newer bytes belongs to.
func (c *configCache) read(off int, p []byte) (ok bool, version uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	copy(p, c.data[off:])
	return off+len(p) <= c.valid, c.edits
}

// store keeps the beginning of the space, which was asked for at a version.
func (c *configCache) store(version uint64, b []byte, fresh bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	copy(c.data[:], b)
	if fresh && version == c.edits {
		c.valid = max(c.valid, len(b))
	}
}

// expire says that the space has changed.
func (c *configCache) expire() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.valid = 0
	c.edits++
}

// ReadConfig is part of virtio.Device. What a back end without ProtocolConfig has,
// or refuses to tell, reads as zeros; while there is no back end, as it did last.
//
// Back ends are asked for all from the space's beginning: of those in use, some
// ignore the offset. One that tells of changes is asked once.
func (r *Remote) ReadConfig(off uint32, p []byte) {
	clear(p)
	if off >= maxConfig {
		return
	}
	p = p[:min(len(p), maxConfig-int(off))]
	ok, version := r.config.read(int(off), p)
	if ok || len(p) == 0 {
		return
	}
	var space [maxConfig]byte
	b := space[:int(off)+len(p)]
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.operate(ProtocolConfig, func(l *link) error { return l.beginning(b) }); err != nil {
		return
	}
	copy(p, b[off:])
	r.config.store(version, b, r.link.has&ProtocolBackendChannel != 0)
}

// beginning fills b with the beginning of the configuration space. Some back ends,
// libvhost-user's disk among them, refuse to tell more than they have, and do not tell
// how much that is: the most that they do not refuse is found, and the rest is zeros.
func (l *link) beginning(b []byte) error {
	err := l.Config(0, b)
	if !errors.Is(err, ErrRefused) {
		return err
	}
	has := sort.Search(len(b)-1, func(n int) bool {
		if err == nil || errors.Is(err, ErrRefused) {
			err = l.Config(0, b[:n+1])
		}
		return err != nil
	})
	if has > 0 && errors.Is(err, ErrRefused) {
		err = nil // what it refused last is beyond what it has
	}
	return err
}

// WriteConfig is part of virtio.Device. What is written while there is no back end
// is lost.
func (r *Remote) WriteConfig(off uint32, p []byte) {
	if len(p) == 0 || uint64(off)+uint64(len(p)) > maxConfig {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	_ = r.operate(ProtocolConfig, func(l *link) error { return l.SetConfig(off, p) })
	r.config.expire()
}

// OnConfigChange is part of virtio.ConfigChanger. A reconnection counts as a
// change, since the new back end may see things differently.
func (r *Remote) OnConfigChange(notify func()) { r.notify.Store(&notify) }

// configChanged hears of a change. It may be called with any lock held.
func (r *Remote) configChanged() {
	r.config.expire()
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// tellDriver passes a change on.
func (r *Remote) tellDriver() {
	if notify := r.notify.Load(); notify != nil && *notify != nil {
		(*notify)()
	}
}
