// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/iovec"
	"arcbox.dev/runtime/virtio/virtiotest"
)

const benchSize = 64 << 20 // bytes of the disk

// BenchmarkRequest measures requests from a driver's ring to its used ring, on a
// file in memory. impl=plain is what the same calls cost alone.
func BenchmarkRequest(b *testing.B) {
	for _, size := range []int{4 << 10, 1 << 20} {
		for _, op := range []struct {
			name string
			kind kind
		}{{"read", kindIn}, {"write", kindOut}} {
			name := fmt.Sprintf("op=%s/size=%d", op.name, size)
			b.Run("impl=plain/"+name, func(b *testing.B) { benchPlain(b, op.kind, size) })
			for _, depth := range []int{1, 16} {
				b.Run(fmt.Sprintf("impl=virtio/%s/depth=%d", name, depth), func(b *testing.B) {
					benchDevice(b, op.kind, size, depth)
				})
			}
		}
	}
}

// benchDisk is a file in memory, so that no file system is measured.
func benchDisk(b *testing.B) *File {
	fd, err := unix.MemfdCreate("disk", unix.MFD_CLOEXEC)
	require.NoError(b, err)
	defer unix.Close(fd)
	_, err = iovec.Pwritev(fd, guestmem.Segments(make([]byte, benchSize)), 0)
	require.NoError(b, err)
	return openFile(b, fmt.Sprintf("/proc/self/fd/%d", fd), false)
}

func benchPlain(b *testing.B, k kind, size int) {
	f := benchDisk(b)
	defer f.Close()
	bufs := guestmem.Segments(make([]byte, size))
	call := iovec.Preadv
	if k == kindOut {
		call = iovec.Pwritev
	}
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, err := call(f.fd, bufs, int64(i*size%benchSize))
		require.NoError(b, err)
	}
}

func benchDevice(b *testing.B, k kind, size, depth int) {
	dev := New(benchDisk(b), Options{})
	defer dev.Close()
	a, err := virtqtest.NewMemory(uint64(depth*(size+16384)) + 1<<20)
	require.NoError(b, err)
	ring, err := virtiotest.NewRing(a, queueSize, virtq.Options{EventIdx: true})
	require.NoError(b, err)
	require.NoError(b, dev.StartQueue(0, ring.Queue, allFeatures))
	defer dev.StopQueue(0)
	p, err := newPipeline(a, ring, depth, size)
	require.NoError(b, err)
	b.ResetTimer()
	b.SetBytes(int64(size))
	b.ReportAllocs()
	for i := 0; i < b.N; {
		for ; len(p.free) > 0 && i < b.N; i++ {
			require.NoError(b, p.start(k, uint64(i*size%benchSize/SectorSize), nil))
		}
		ring.Kick()
		require.NoError(b, p.finish(nil))
	}
	for len(p.free) < depth {
		require.NoError(b, p.finish(nil))
	}
}

// TestServeDoesNotAllocate holds for the requests that a busy guest makes.
func TestServeDoesNotAllocate(t *testing.T) {
	f := openFile(t, image(t, testSize), false)
	dev := New(f, Options{})
	defer dev.Close()
	q := &queue{dev: dev, features: allFeatures}
	for _, k := range []kind{kindIn, kindOut, kindFlush} {
		head := make([]byte, headerSize)
		head[0] = byte(k)
		data, st := make([]byte, 4096), make([]byte, 1)
		readable, writable := guestmem.Segments(head), guestmem.Segments(data, st)
		switch k {
		case kindOut:
			readable, writable = guestmem.Segments(head, data), guestmem.Segments(st)
		case kindFlush:
			writable = guestmem.Segments(st)
		}
		whole := virtq.MakeChain(0, readable, writable)
		var ch virtq.Chain
		got := testing.AllocsPerRun(100, func() {
			ch.Copy(&whole)
			if n := q.serve(&ch); n == 0 {
				t.Fatal("no answer")
			}
		})
		require.Zero(t, got, "kind %d", k)
	}
}
