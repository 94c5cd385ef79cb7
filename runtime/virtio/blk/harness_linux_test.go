// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const (
	testWait = 10 * time.Second
	testSize = 1 << 20 // bytes of a test's disk
)

// driver sends single requests to a device's first queue.
type driver struct {
	t    testing.TB
	dev  *Device
	ring *virtiotest.Ring
	buf  virtqtest.Buffer // room for a request
	mem  []byte
}

// newDriver makes a device of a disk with one running queue, until the test ends.
func newDriver(t testing.TB, disk Disk, o Options, features uint64) *driver {
	dev := New(disk, o)
	a, err := virtqtest.NewMemory(8 << 20)
	require.NoError(t, err)
	ring, err := virtiotest.NewRing(a, queueSize, virtq.Options{Indirect: true, EventIdx: true})
	require.NoError(t, err)
	d := &driver{t: t, dev: dev, ring: ring}
	d.buf, d.mem, err = a.Buffer(2<<20, false)
	require.NoError(t, err)
	require.NoError(t, dev.StartQueue(0, ring.Queue, features))
	t.Cleanup(func() {
		dev.StopQueue(0)
		dev.Reset()
		require.NoError(t, dev.Close())
	})
	return d
}

// chain sends descriptors of these lengths over the driver's memory, readable ones
// first, and returns the used length.
func (d *driver) chain(readable, writable []int) uint32 {
	d.t.Helper()
	at := d.buf.Addr
	var bufs []virtqtest.Buffer
	for i, n := range append(append([]int(nil), readable...), writable...) {
		bufs = append(bufs, virtqtest.Buffer{Addr: at, Len: uint32(n), Writable: i >= len(readable)})
		at += uint64(n)
	}
	head, err := d.ring.Add(bufs...)
	require.NoError(d.t, err)
	d.ring.Kick()
	done, err := d.ring.Wait(testWait)
	require.NoError(d.t, err)
	require.Len(d.t, done, 1, "the device does not answer")
	require.Equal(d.t, head, done[0].Head)
	return done[0].Written
}

// header writes a request's header to the beginning of the driver's memory.
func (d *driver) header(k kind, sector uint64) {
	clear(d.mem[:headerSize])
	binary.LittleEndian.PutUint32(d.mem, uint32(k))
	binary.LittleEndian.PutUint64(d.mem[8:], sector)
}

// untouched is what a status byte is before the device has written it.
const untouched status = 0xaa

// do sends a request of three descriptors and returns what came of it.
func (d *driver) do(k kind, sector uint64, out []byte, in int) (st status, data []byte, used uint32) {
	d.t.Helper()
	d.header(k, sector)
	copy(d.mem[headerSize:], out)
	readable := []int{headerSize}
	if len(out) > 0 {
		readable = append(readable, len(out))
	}
	var writable []int
	if in > 0 {
		writable = append(writable, in)
	}
	at := headerSize + len(out)
	data = d.mem[at : at+in]
	d.mem[at+in] = byte(untouched)
	used = d.chain(readable, append(writable, 1))
	return status(d.mem[at+in]), append([]byte(nil), data...), used
}

// must is do for a request that has to succeed.
func (d *driver) must(k kind, sector uint64, out []byte, in int) []byte {
	d.t.Helper()
	st, data, used := d.do(k, sector, out, in)
	require.Equal(d.t, statusOK, st)
	require.EqualValues(d.t, in+1, used)
	return data
}

// image makes a file with contents that tell where they are.
func image(t testing.TB, size int) string {
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, pattern(0, size), 0o600))
	return path
}

func openFile(t testing.TB, path string, readOnly bool) *File {
	f, err := OpenFile(path, readOnly)
	require.NoError(t, err)
	return f
}

// pattern is n bytes that tell at which offset of a disk they are.
func pattern(off, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		at := off + i
		b[i] = byte(at ^ at>>8*7 ^ at>>16*13)
	}
	return b
}

const allFeatures = featureFlush | featureDiscard | featureWriteZeroes
