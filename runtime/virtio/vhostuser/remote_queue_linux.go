// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"errors"
	"fmt"

	"arcbox.dev/runtime/virtio"
)

// errAway: there is no back end, or it has not the protocol feature that is needed.
var errAway = errors.New("the back end is away")

// StartDirect is part of virtio.Direct. Where there is no back end, the queue is
// started when there is one. An error says that the back end refuses the queue or
// its features.
func (r *Remote) StartDirect(i int, q virtio.DirectQueue, features uint64) (err error) {
	ring, err := r.newRing(i, q)
	if err != nil {
		return fmt.Errorf("starting queue %d by vhost-user: %w", i, err)
	}
	defer func() {
		if err != nil {
			ring.close()
			err = fmt.Errorf("starting queue %d by vhost-user: %w", i, err)
		}
	}()
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.admit(i, features); err != nil {
		return err
	}
	r.rings[i], r.features = ring, features
	err = r.operate(0, func(l *link) error { return l.start(ring, ring.first, features) })
	if errors.Is(err, ErrRefused) {
		r.rings[i] = nil
		// Whatever part of it the back end has taken is not to be left there.
		_ = r.operate(0, func(l *link) error { return l.stop(i) })
		return err
	}
	ring.watch()
	return nil
}

// admit tells whether queue i may start.
func (r *Remote) admit(i int, features uint64) error {
	if i < 0 || i >= len(r.rings) {
		return fmt.Errorf("the device has %d queues", len(r.rings))
	}
	if r.rings[i] != nil {
		return errRunning
	}
	if extra := features &^ (r.offered & (virtio.DeviceFeatures | virtio.QueueFeatures)); extra != 0 {
		return fmt.Errorf("features %#x are not offered", extra)
	}
	if features&virtio.FeatureVersion1 == 0 {
		return errors.New("the driver has not accepted VIRTIO_F_VERSION_1")
	}
	for _, ring := range r.rings {
		if ring != nil && features != r.features {
			return fmt.Errorf("features %#x, other queues run with %#x", features, r.features)
		}
	}
	return nil
}

// StopQueue is part of virtio.Device. A back end that does not stop in time is
// disconnected; that it leaves the queue alone is then its word only.
func (r *Remote) StopQueue(i int) {
	r.mu.Lock()
	var ring *remoteRing
	if i >= 0 && i < len(r.rings) {
		ring, r.rings[i] = r.rings[i], nil
	}
	if ring != nil && ring.on != nil && ring.on == r.link {
		_ = r.operate(0, func(l *link) error { return l.stop(i) })
	}
	r.mu.Unlock()
	ring.close()
}

// Reset is part of virtio.Device.
func (r *Remote) Reset() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.features = 0
	// Without the request the back end has its queues stopped, and that is all.
	_ = r.operate(ProtocolResetDevice, func(l *link) error {
		l.featuring = false
		return l.ResetDevice()
	})
	r.config.expire()
}

// operate does something with the back end, if there is one and it has certain
// protocol features. After an error other than ErrRefused the link is gone. r.mu
// is held.
func (r *Remote) operate(needs uint64, do func(l *link) error) error {
	l := r.link
	if l == nil || l.has&needs != needs {
		return errAway
	}
	err := l.within(r.options.Timeout, func() error { return do(l) })
	if err != nil && !errors.Is(err, ErrRefused) {
		r.log.Warn("back end disconnected", "error", err)
		r.drop(l)
	}
	return err
}
