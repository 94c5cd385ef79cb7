// SPDX-License-Identifier: MIT OR Apache-2.0

package virtio_test

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// cuttable is memory from a file that can be cut.
func cuttable(t *testing.T, size int64) (*os.File, []byte) {
	fd, err := unix.MemfdCreate("cuttable", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "cuttable")
	require.NoError(t, f.Truncate(size))
	mem, err := guestmem.MapFile(fd, 0, uint64(size))
	require.NoError(t, err)
	t.Cleanup(func() { _ = guestmem.Unmap(mem); _ = f.Close() })
	return f, mem
}

// TestRunFault: the memory behind a queue goes while it is served.
func TestRunFault(t *testing.T) {
	for _, tc := range []struct {
		name string
		run  func(*virtio.Queue) error
	}{
		{"Run", func(q *virtio.Queue) error { return q.Run(func([]virtq.Chain) {}) }},
		{"Watch", func(q *virtio.Queue) error { return q.Watch(func() { q.Pending() }) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			f, mem := cuttable(t, 1<<20)
			memory, err := guestmem.New(guestmem.Region{Mem: mem})
			require.NoError(t, err)
			vq, err := virtq.New(memory, virtq.Layout{Size: 64, Avail: 0x1000, Used: 0x2000}, virtq.Options{})
			require.NoError(t, err)
			k, broken := newKick(), make(chan error, 1)
			q := &virtio.Queue{Queue: vq, Kick: k, Call: &calls{}, Broken: func(err error) { broken <- err }}
			result := run(func() error { return tc.run(q) })
			require.NoError(t, f.Truncate(0))
			k.kick()
			var fault *guestmem.FaultError
			require.ErrorAs(t, wait(t, result), &fault)
			require.ErrorAs(t, <-broken, &fault)
		})
	}
}
