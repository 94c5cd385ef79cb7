// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/blk"
)

// TestRemoteDisk: disks of ours and of QEMU's, with two queues.
func TestRemoteDisk(t *testing.T) {
	for _, host := range diskHosts {
		t.Run(host.name, func(t *testing.T) {
			disk := newDisk(t, host.program, host.command)
			g := newGuest(t, remoteRegions())
			r := g.newRemote(dialTo(disk.path), virtio.IDBlock, RemoteOptions{QueueSize: 128, InOrder: host.inOrder})
			require.Len(t, r.QueueSizes(), 2)
			// QEMU's disk has less than that, and refuses to tell more than it has.
			space := make([]byte, maxConfig)
			r.ReadConfig(0, space)
			require.EqualValues(t, diskSize/blk.SectorSize, binary.LittleEndian.Uint64(space))
			require.EqualValues(t, 2, binary.LittleEndian.Uint16(space[34:]), "num_queues, virtio 1.2 §5.2.4")
			require.Zero(t, space[maxConfig-1])

			drivers := newDiskDrivers(g)
			g.startDirect(r, r.Features()|r.RingFeatures())
			id := drivers[0].once(diskGetID, 0)
			require.Equal(t, host.id, unix.ByteSliceToString(id.in[:20]))
			drivers[0].once(diskOut, 5)
			drivers[1].once(diskFlush, 0)
			drivers[0].once(diskIn, 5)
			// One that goes while nothing is in flight is not missed.
			for n := range uint64(3) {
				disk.restart()
				returned(t, r, n+1)
				drivers[1].once(diskOut, int(n))
				drivers[0].once(diskIn, 5)
				runAll(t, drivers, func() { time.Sleep(20 * time.Millisecond) })
			}
			checkImage(t, disk, drivers)
		})
	}
}

// TestRemoteDiskKilled: the back end of a disk of ours is killed again and again in
// the midst of requests. Each is answered once, and the disk holds what was written.
func TestRemoteDiskKilled(t *testing.T) {
	disk := newDisk(t, diskHosts[0].program, diskHosts[0].command)
	g := newGuest(t, remoteRegions())
	r := g.newRemote(dialTo(disk.path), virtio.IDBlock, RemoteOptions{QueueSize: 128, InOrder: true})
	drivers := newDiskDrivers(g)
	g.startDirect(r, r.Features()|r.RingFeatures())
	runAll(t, drivers, func() {
		for n := range uint64(8) {
			time.Sleep(time.Duration(20+7*n) * time.Millisecond)
			disk.restart()
			returned(t, r, n+1)
		}
	})
	checkImage(t, disk, drivers)
}

// TestRemoteDiskUnordered: of requests that a back end had which answers in any
// order, nobody knows which are done. The queue is broken, and a driver that begins
// anew finds all that was answered before.
func TestRemoteDiskUnordered(t *testing.T) {
	host := diskHosts[1]
	disk := newDisk(t, host.program, host.command)
	g := newGuest(t, remoteRegions())
	r := g.newRemote(dialTo(disk.path), virtio.IDBlock, RemoteOptions{QueueSize: 128})
	told := make(chan error, 1)
	d := newDiskDriver(g, nil, 0, 64, 32)
	for n := uint64(1); ; n++ {
		require.Less(t, n, uint64(50), "nothing is ever in flight")
		d.guestQueue = g.addQueue(128, allOptions, false)
		require.NoError(t, r.StartDirect(0, d.direct(func(err error) { told <- err }), r.Features()|r.RingFeatures()))
		d.once(diskOut, 1)
		for len(d.idle) > 0 {
			require.NoError(t, d.submit(diskOut, 32+len(d.idle)-1))
		}
		disk.restart()
		returned(t, r, n)
		if len(d.flying) > 0 && len(told) > 0 {
			break
		}
		for len(d.flying) > 0 {
			require.NoError(t, d.answer())
		}
		r.StopQueue(0)
		r.Reset()
	}
	require.ErrorIs(t, <-told, errInFlight)
	r.StopQueue(0)
	r.Reset()
	d2 := newDiskDriver(g, g.addQueue(128, allOptions, false), 0, 64, 1)
	d2.model = d.model
	require.NoError(t, r.StartDirect(0, d2.direct(nil), r.Features()|r.RingFeatures()))
	d2.once(diskIn, 1)
	d2.once(diskOut, 2)
	d2.once(diskIn, 2)
}

// checkImage ends the program and compares its disk with what drivers wrote.
func checkImage(t *testing.T, disk *disk, drivers []*diskDriver) {
	t.Helper()
	disk.kill()
	image, err := os.ReadFile(diskImage(disk.path))
	require.NoError(t, err)
	for _, d := range drivers {
		for i, want := range d.model {
			at := (d.first + i) * blockSize
			require.True(t, bytes.Equal(want, image[at:at+blockSize]), "block %d", d.first+i)
		}
	}
}
