// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio"
)

func TestIdentity(t *testing.T) {
	d := New(nil, nil)
	require.Equal(t, virtio.IDBalloon, d.ID())
	require.EqualValues(t, 0b100110, d.Features())
	require.Equal(t, []uint16{16, 16, 64, 64}, d.QueueSizes())
	for _, tc := range []struct {
		queue    int
		features uint64
	}{{-1, allFeatures}, {4, allFeatures}, {2, 0}, {3, 0}, {3, featureStats}} {
		require.ErrorContains(t, d.StartQueue(tc.queue, nil, tc.features), "no such queue")
	}
	for i := -1; i < 6; i++ {
		d.StopQueue(i)
	}
	require.NoError(t, d.Close())
}

func TestTarget(t *testing.T) {
	d := New(nil, nil)
	told := 0
	d.OnConfigChange(func() { told++; d.ReadConfig(0, make([]byte, 8)) })
	for _, tc := range []struct{ bytes, want uint64 }{
		{0, 0}, {4095, 0}, {4096, 4096}, {5 << 30, 5 << 30}, {math.MaxUint64, math.MaxUint32 * 4096},
	} {
		d.SetTarget(tc.bytes)
		require.Equal(t, tc.want, d.Target())
	}
	require.Equal(t, 3, told, "told of changes alone")
	p := make([]byte, 4)
	d.ReadConfig(0, p)
	require.Equal(t, []byte{0xff, 0xff, 0xff, 0xff}, p)
	d.OnConfigChange(nil)
	d.SetTarget(0)
	require.Equal(t, 3, told)
}

func TestActual(t *testing.T) {
	d := New(nil, nil)
	d.SetTarget(4096)
	d.WriteConfig(4, []byte{1, 2, 0, 0})
	require.EqualValues(t, 0x201*4096, d.Actual())
	d.WriteConfig(6, []byte{3, 4, 5, 6}) // beyond the end
	require.EqualValues(t, 0x04030201*4096, d.Actual())
	d.WriteConfig(2, []byte{9, 9, 9}) // the target is read-only
	d.WriteConfig(math.MaxUint32, []byte{7, 7})
	require.EqualValues(t, 0x04030209*4096, d.Actual())
	require.EqualValues(t, 4096, d.Target())
	p := make([]byte, 10)
	d.ReadConfig(2, p)
	require.Equal(t, []byte{0, 0, 9, 2, 3, 4, 0, 0, 0, 0}, p)
	d.ReadConfig(math.MaxUint32, p)
	require.Equal(t, make([]byte, 10), p)
	d.Reset()
	require.Zero(t, d.Actual())
	require.EqualValues(t, 4096, d.Target())
}
