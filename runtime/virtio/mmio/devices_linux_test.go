// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/blk"
	"arcbox.dev/runtime/virtio/vsock"
)

// featureMasks are what a driver may make of the offered features.
var featureMasks = map[string]uint64{
	"all": ^uint64(0), "plain": ^uint64(virtio.FeatureEventIdx | virtio.FeatureIndirectDesc),
}

// newDisk makes a file of so many bytes, which belongs to the device that it is for.
func newDisk(t testing.TB, size int) blk.Disk {
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, make([]byte, size), 0o600))
	disk, err := blk.OpenFile(path, false)
	require.NoError(t, err)
	return disk
}

// newBlock makes a block device of a disk.
func newBlock(t testing.TB, disk blk.Disk) *blk.Device {
	dev := blk.New(disk, blk.Options{})
	t.Cleanup(func() { require.NoError(t, dev.Close()) })
	return dev
}

// request is a block request's buffers, and its memory.
type request struct {
	bufs                 [3]virtqtest.Buffer
	header, data, status []byte
}

func (l *linux) newRequest(kind uint32, sector uint64, size uint32, in bool) *request {
	r := &request{}
	for i, part := range []struct {
		mem      *[]byte
		size     uint32
		writable bool
	}{{&r.header, 16, false}, {&r.data, size, in}, {&r.status, 1, true}} {
		var err error
		r.bufs[i], *part.mem, err = l.arena.Buffer(part.size, part.writable)
		require.NoError(l.t, err)
	}
	binary.LittleEndian.PutUint32(r.header, kind)
	binary.LittleEndian.PutUint64(r.header[8:], sector)
	r.status[0] = 0xff
	return r
}

// TestBlock: a disk is written, the device is reset, and the disk is read.
func TestBlock(t *testing.T) {
	const size, chunk = 256 << 10, 16 << 10
	want := make([]byte, size)
	_, _ = rand.Read(want)
	for _, w := range wirings {
		for name, mask := range featureMasks {
			t.Run(w.String()+"/features="+name, func(t *testing.T) {
				l := &linux{board: newBoard(t, newBlock(t, newDisk(t, size)), w)}
				for _, kind := range []uint32{1, 0} { // VIRTIO_BLK_T_OUT, VIRTIO_BLK_T_IN
					l.probe(virtio.IDBlock, mask)
					require.EqualValues(t, size/512, l.get(0x100), "capacity")
					got := make([]byte, 0, size)
					for at := 0; at < size; at += chunk {
						r := l.newRequest(kind, uint64(at)/512, chunk, kind == 0)
						if kind == 1 {
							copy(r.data, want[at:])
						}
						_, err := l.do(0, r.bufs[:]...)
						require.NoError(t, err)
						require.Zero(t, r.status[0])
						got = append(got, r.data...)
					}
					require.Equal(t, want, got)
				}
				require.Zero(t, l.changed)
			})
		}
	}
}

// packet is a virtio_vsock_hdr of a stream, from a guest's port to the host's, with
// its payload (virtio 1.2 §5.10.6).
func packet(op uint16, port uint32, payload string) []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(nil, 3)
	b = le.AppendUint64(b, vsock.HostCID)
	b = le.AppendUint32(b, 4000)
	b = le.AppendUint32(b, port)
	b = le.AppendUint32(b, uint32(len(payload)))
	b = le.AppendUint16(b, 1)
	b = le.AppendUint16(b, op)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint32(b, 1<<16)
	b = le.AppendUint32(b, 0)
	return append(b, payload...)
}

// TestVsock: a guest connects to the host, and each hears the other. Its receive
// queue is filled before there is anything to receive.
func TestVsock(t *testing.T) {
	const opRequest, opResponse, opData = 1, 2, 5
	for _, w := range wirings {
		t.Run(w.String(), func(t *testing.T) {
			dev := vsock.New(3, vsock.Options{})
			t.Cleanup(func() { require.NoError(t, dev.Close()) })
			listener, err := dev.Listen(1024)
			require.NoError(t, err)
			l := &linux{board: newBoard(t, dev, w)}
			l.probe(virtio.IDVsock, ^uint64(0))
			require.EqualValues(t, 3, l.get(0x100), "guest_cid")

			received := map[uint16][]byte{}
			for range 32 {
				b, mem, err := l.arena.Buffer(4096, true)
				require.NoError(t, err)
				head, err := l.queues[0].Add(b)
				require.NoError(t, err)
				received[head] = mem
			}
			l.queues[0].Kick()
			send := func(p []byte) {
				b, mem, err := l.arena.Buffer(uint32(len(p)), false)
				require.NoError(t, err)
				copy(mem, p)
				_, err = l.do(1, b)
				require.NoError(t, err)
			}
			// receive returns the payload of the next packet with this operation.
			var arrived [][]byte
			receive := func(op uint16) string {
				for {
					for len(arrived) > 0 {
						p := arrived[0]
						arrived = arrived[1:]
						if binary.LittleEndian.Uint16(p[30:]) == op {
							return string(p[44:])
						}
					}
					used, err := l.wait(0)
					require.NoError(t, err)
					for _, u := range used {
						arrived = append(arrived, received[u.Head][:u.Written])
					}
				}
			}
			send(packet(opRequest, 1024, ""))
			conn, err := listener.Accept()
			require.NoError(t, err)
			defer conn.Close()
			require.NoError(t, conn.SetDeadline(time.Now().Add(patience)))
			receive(opResponse)
			send(packet(opData, 1024, "from the guest"))
			got := make([]byte, 14)
			_, err = io.ReadFull(conn, got)
			require.NoError(t, err)
			require.Equal(t, "from the guest", string(got))
			_, err = conn.Write([]byte("from the host"))
			require.NoError(t, err)
			require.Equal(t, "from the host", receive(opData))

			l.reset() // which ends all connections
			_, err = conn.Read(got)
			require.Error(t, err)
			require.False(t, isTimeout(err), err)
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
			defer cancel()
			_, err = dev.Dial(ctx, 5)
			require.Error(t, err, "without a driver")
		})
	}
}

func isTimeout(err error) bool {
	e, ok := err.(net.Error)
	return ok && e.Timeout()
}
