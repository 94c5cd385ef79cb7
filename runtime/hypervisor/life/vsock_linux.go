// SPDX-License-Identifier: MIT OR Apache-2.0

package life

import (
	"context"
	"fmt"
	"net"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/virtio/vsock"
)

// guestCID is the guest's vsock address. Each VM has a vsock device of its own, so
// all of them may have the same; 0 to 2 are reserved (vsock(7)).
const guestCID = 3

var errNoVsock = errdefs.New(errdefs.ErrNotSupported, "create it with a vsock device", "the VM has no vsock device")

// Vsock is a VM's line to the guest: connections end with the VM.
type Vsock struct {
	*Life
	Device *vsock.Device // nil without one
}

// NewVsock makes a vsock device.
func NewVsock(l *Life) Vsock { return Vsock{l, vsock.New(guestCID, vsock.Options{})} }

// Dial connects to a port of the guest.
func (v Vsock) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	if v.Device == nil {
		return nil, errNoVsock
	}
	if !v.Running() {
		return nil, ErrNotRunning
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-v.Done():
			cancel(ErrNotRunning)
		case <-ctx.Done():
		}
	}()
	conn, err := v.Device.Dial(ctx, port)
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("connecting to the guest's port %d: %w", port, err)
	}
	return conn, nil
}

// Listen accepts connections of the guest.
func (v Vsock) Listen(port uint32) (net.Listener, error) {
	if v.Device == nil {
		return nil, errNoVsock
	}
	return v.Device.Listen(port)
}
