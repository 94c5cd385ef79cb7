// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// channel is the way back to the front end, for requests of the back end. It never
// asks for replies and never reads (vhost-user, Back-end communication).
type channel struct {
	mu     sync.Mutex
	fd     int  // a stream socket, or -1
	config bool // the front end has accepted ProtocolConfig
}

// set replaces the socket by fd, which the channel closes one day.
func (c *channel) set(fd int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd >= 0 {
		_ = unix.Close(c.fd)
	}
	c.fd = fd
}

// allowConfig says whether the front end wants to hear of configuration changes.
func (c *channel) allowConfig(allowed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.config = allowed
}

// configChanged tells the front end to read the configuration space again. It
// never blocks: a front end that leaves its socket full has the same message
// waiting there.
func (c *channel) configChanged() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 || !c.config {
		return nil
	}
	b := appendMessage(nil, configChanged, 0, none{})
	err := unix.Send(c.fd, b, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
	if err != nil && err != unix.EAGAIN {
		return fmt.Errorf("telling the front end of a configuration change: %w", err)
	}
	return nil
}
