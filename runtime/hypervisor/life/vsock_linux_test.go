// SPDX-License-Identifier: MIT OR Apache-2.0

package life

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

func TestVsock(t *testing.T) {
	l := New()
	_, err := Vsock{Life: l}.Dial(t.Context(), 1)
	require.ErrorIs(t, err, errdefs.ErrNotSupported)
	_, err = Vsock{Life: l}.Listen(1)
	require.ErrorIs(t, err, errdefs.ErrNotSupported)

	v := NewVsock(l)
	defer v.Device.Close()
	_, err = v.Dial(t.Context(), 1)
	require.ErrorIs(t, err, ErrNotRunning)
	l.Begin()
	time.AfterFunc(10*time.Millisecond, func() { l.End(hypervisor.Exit{}) })
	_, err = v.Dial(t.Context(), 1) // nobody serves the device: only the VM's end ends it
	require.ErrorIs(t, err, ErrNotRunning)
}
