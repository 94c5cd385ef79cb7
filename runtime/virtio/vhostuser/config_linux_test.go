// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestConfigSpace(t *testing.T) {
	dev, b, path := startBackend(t, nil)
	f := dial(t, path)
	require.NoError(t, f.SetProtocolFeatures(ProtocolReplyAck|ProtocolConfig|ProtocolBackendChannel))
	for i := range dev.Config {
		dev.WriteConfig(uint32(i), []byte{byte(i + 1)})
	}
	for _, tc := range []struct {
		off  uint32
		want []byte
	}{
		{0, []byte{1}},
		{3, []byte{4, 5, 6}},
		{19, []byte{20, 0, 0}},
		{20, []byte{0}},
		{251, make([]byte, 5)},
	} {
		got := make([]byte, len(tc.want))
		require.NoError(t, f.Config(tc.off, got))
		require.Equal(t, tc.want, got, "at %d", tc.off)
	}
	require.NoError(t, f.SetConfig(2, []byte{42, 43}))
	got := make([]byte, 5)
	require.NoError(t, f.Config(1, got))
	require.Equal(t, []byte{2, 42, 43, 5, 6}, got)
	require.ErrorIs(t, f.Config(250, make([]byte, 7)), ErrRefused)

	var changes atomic.Int32
	b.NotifyConfig() // there is no channel yet
	require.NoError(t, f.OpenChannel(func() { changes.Add(1) }))
	b.NotifyConfig()
	require.Eventually(t, func() bool { return changes.Load() == 1 }, patience, time.Millisecond)
	changed := dev.Changed()
	changed()
	require.Eventually(t, func() bool { return changes.Load() == 2 }, patience, time.Millisecond)

	// A front end that never reads its channel does not block the device.
	ours, theirs, err := socketPair()
	require.NoError(t, err)
	defer ours.Close()
	defer theirs.Close()
	require.NoError(t, f.tell(setBackendChannel, file{}, int(theirs.Fd())))
	for range 10000 {
		b.NotifyConfig()
	}

	require.NoError(t, f.Close())
	require.Eventually(t, func() bool { return dev.Changed() == nil }, patience, time.Millisecond)
	changed() // a device that is late
}
