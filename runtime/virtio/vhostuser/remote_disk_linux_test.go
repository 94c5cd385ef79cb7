// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/blk"
)

const (
	diskSize  = 4 << 20
	blockSize = 4096 // bytes of each request
)

// serveDisk is the environment variable that makes this test's program a back end;
// it is the path of the socket, beside which is the image.
const serveDisk = "VHOSTUSER_TEST_DISK"

func diskImage(path string) string { return filepath.Join(filepath.Dir(path), "disk.img") }

// diskProcess serves a disk until it is killed.
func diskProcess(path string) {
	disk, err := blk.OpenFile(diskImage(path), false)
	if err == nil {
		var l *net.UnixListener
		if l, err = net.ListenUnix("unix", &net.UnixAddr{Name: path}); err == nil {
			err = NewBackend(blk.New(disk, blk.Options{Serial: "a disk", Queues: 2}), nil).Serve(l)
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// diskHosts are the programs that serve disks.
var diskHosts = []struct {
	name    string
	program string
	command func(path string) *exec.Cmd
	id      string
	inOrder bool
}{
	{"ours", os.Args[0], func(path string) *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), serveDisk+"="+path)
		return cmd
	}, "a disk", true},
	{"qemu-storage-daemon", "qemu-storage-daemon", func(path string) *exec.Cmd {
		return exec.Command("qemu-storage-daemon",
			"--blockdev", "driver=file,node-name=disk,filename="+diskImage(path),
			"--export", "vhost-user-blk,id=export,node-name=disk,writable=on,num-queues=2,addr.type=unix,addr.path="+path)
	}, "vhost_user_blk", false},
}

// disk is a program that serves one, which can be killed and started again.
type disk struct {
	t       *testing.T
	command func(path string) *exec.Cmd
	path    string
	kill    func()
}

// newDisk serves an empty disk with a program from diskHosts.
func newDisk(t *testing.T, program string, command func(path string) *exec.Cmd) *disk {
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed: run ci/setup test", program)
	}
	d := &disk{t: t, command: command, path: filepath.Join(t.TempDir(), "disk.sock")}
	require.NoError(t, os.WriteFile(diskImage(d.path), make([]byte, diskSize), 0o600))
	d.start()
	require.Eventually(t, func() bool { _, err := os.Stat(d.path); return err == nil }, patience, time.Millisecond)
	return d
}

// restart kills the program and starts it again.
func (d *disk) restart() { d.kill(); d.start() }

func (d *disk) start() { d.kill = startDisk(d.t, d.command(d.path), d.path) }

// startDisk runs a program that serves a disk, and returns what kills it.
func startDisk(t *testing.T, cmd *exec.Cmd, path string) (kill func()) {
	t.Helper()
	require.NoError(t, os.RemoveAll(path))
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = t.Output()
	require.NoError(t, cmd.Start())
	killed := false
	kill = func() {
		if !killed {
			killed = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(kill)
	return kill
}

// diskDriver is a driver of one queue of a disk, with many requests in flight.
type diskDriver struct {
	*guestQueue
	random  *rand.Rand
	first   int // block, the first of the driver's own
	model   [][]byte
	busy    []bool // blocks that a request in flight is about
	idle    []*diskRequest
	flying  map[uint16]*diskRequest
	answers int
}

// diskRequest is one request with its memory.
type diskRequest struct {
	bufs                 []virtqtest.Buffer // header, data for the disk, data of the disk, status
	header, out, in, end []byte
	kind                 uint32
	block                int
	number               int // of all requests
}

func newDiskDriver(g *guest, q *guestQueue, first, blocks, depth int) *diskDriver {
	d := &diskDriver{guestQueue: q, random: rand.New(rand.NewPCG(uint64(first), 1)), first: first,
		model: make([][]byte, blocks), busy: make([]bool, blocks), flying: make(map[uint16]*diskRequest)}
	for i := range d.model {
		d.model[i] = make([]byte, blockSize)
	}
	for range depth {
		r := &diskRequest{bufs: make([]virtqtest.Buffer, 4)}
		for i, part := range []struct {
			mem      *[]byte
			size     uint32
			writable bool
		}{{&r.header, 16, false}, {&r.out, blockSize, false}, {&r.in, blockSize, true}, {&r.end, 1, true}} {
			var err error
			r.bufs[i], *part.mem, err = g.arena.Buffer(part.size, part.writable)
			require.NoError(g.t, err)
		}
		d.idle = append(d.idle, r)
	}
	return d
}

// Kinds of requests (virtio 1.2 §5.2.6).
const (
	diskIn    = 0
	diskOut   = 1
	diskFlush = 4
	diskGetID = 8
)

// submit sends a request about one of the driver's blocks.
func (d *diskDriver) submit(kind uint32, block int) error {
	r := d.idle[len(d.idle)-1]
	d.idle = d.idle[:len(d.idle)-1]
	r.kind, r.block, r.number = kind, block, d.answers+len(d.flying)
	binary.LittleEndian.PutUint32(r.header, kind)
	sector := uint64(0)
	if kind <= diskOut {
		sector = uint64(d.first+block) * (blockSize / blk.SectorSize)
		d.busy[block] = true
	}
	binary.LittleEndian.PutUint64(r.header[8:], sector)
	r.end[0] = 0xaa
	bufs := []virtqtest.Buffer{r.bufs[0], r.bufs[3]}
	switch kind {
	case diskOut:
		for i := 0; i < blockSize; i += 8 {
			binary.LittleEndian.PutUint64(r.out[i:], d.random.Uint64())
		}
		bufs = []virtqtest.Buffer{r.bufs[0], r.bufs[1], r.bufs[3]}
	case diskIn:
		clear(r.in)
		bufs = []virtqtest.Buffer{r.bufs[0], r.bufs[2], r.bufs[3]}
	case diskGetID:
		id := r.bufs[2]
		id.Len = 20
		bufs = []virtqtest.Buffer{r.bufs[0], id, r.bufs[3]}
	}
	head, err := d.Add(bufs...)
	if err != nil {
		return err
	}
	d.flying[head] = r
	d.Kick()
	return nil
}

// answer waits for answers and checks each against the model.
func (d *diskDriver) answer() error {
	done := make([]virtqtest.Done, 8)
	for {
		n, err := d.Reap(done)
		if err != nil {
			return err
		}
		for _, used := range done[:n] {
			if err := d.check(used); err != nil {
				return err
			}
		}
		if n > 0 {
			return nil
		}
		if !d.EnableInterrupts() {
			if !readable(d.callEnd, patience) {
				return fmt.Errorf("%d requests in flight and no interrupt within %v", len(d.flying), patience)
			}
			drainSignal(d.callEnd)
		}
	}
}

func (d *diskDriver) check(used virtqtest.Done) error {
	r := d.flying[used.Head]
	if r == nil {
		return fmt.Errorf("head %d was answered twice", used.Head)
	}
	delete(d.flying, used.Head)
	d.answers++
	d.idle = append(d.idle, r)
	if r.end[0] != 0 {
		return fmt.Errorf("request %d, kind %d: status %d", r.number, r.kind, r.end[0])
	}
	if r.kind > diskOut {
		return nil
	}
	d.busy[r.block] = false
	if r.kind == diskOut {
		copy(d.model[r.block], r.out)
	} else if string(r.in) != string(d.model[r.block]) {
		return fmt.Errorf("request %d: block %d reads as something else than was written", r.number, r.block)
	}
	return nil
}

// run sends requests, as many at a time as there are, until stop is closed, and
// then waits for the last ones.
func (d *diskDriver) run(stop <-chan struct{}) error {
	for {
		select {
		case <-stop:
			for len(d.flying) > 0 {
				if err := d.answer(); err != nil {
					return err
				}
			}
			return nil
		default:
		}
		for len(d.idle) > 0 {
			kind, block := uint32(diskFlush), 0
			if n := d.random.IntN(50); n > 0 {
				kind = uint32(n & 1)
				for block = d.random.IntN(len(d.model)); d.busy[block]; {
					block = d.random.IntN(len(d.model))
				}
			}
			if err := d.submit(kind, block); err != nil {
				return err
			}
		}
		if err := d.answer(); err != nil {
			return err
		}
	}
}

// once sends one request and waits for it.
func (d *diskDriver) once(kind uint32, block int) *diskRequest {
	d.t.Helper()
	require.NoError(d.t, d.submit(kind, block))
	r := (*diskRequest)(nil)
	for _, r = range d.flying {
	}
	for len(d.flying) > 0 {
		require.NoError(d.t, d.answer())
	}
	return r
}

// TestRemoteDisk: disks of ours and of QEMU's, with two queues.
func TestRemoteDisk(t *testing.T) {
	for _, host := range diskHosts {
		t.Run(host.name, func(t *testing.T) {
			disk := newDisk(t, host.program, host.command)
			g := newGuest(t, remoteRegions())
			r := g.newRemote(dialTo(disk.path), virtio.IDBlock, RemoteOptions{QueueSize: 128, InOrder: host.inOrder})
			require.Len(t, r.QueueSizes(), 2)
			capacity := make([]byte, 8)
			r.ReadConfig(0, capacity)
			require.EqualValues(t, diskSize/blk.SectorSize, binary.LittleEndian.Uint64(capacity))
			var queues [2]byte
			r.ReadConfig(34, queues[:]) // num_queues, virtio 1.2 §5.2.4
			require.Equal(t, [2]byte{2, 0}, queues)

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

// newDiskDrivers makes a driver for each of two queues, with half of a disk each.
func newDiskDrivers(g *guest) (drivers []*diskDriver) {
	const half = diskSize / blockSize / 2
	for i := range 2 {
		drivers = append(drivers, newDiskDriver(g, g.addQueue(128, allOptions, false), i*half, half, 32))
	}
	return drivers
}

// runAll runs drivers while do does something.
func runAll(t *testing.T, drivers []*diskDriver, do func()) {
	t.Helper()
	stop, failed := make(chan struct{}), make(chan error, len(drivers))
	before := 0
	for _, d := range drivers {
		before += d.answers
		go func() { failed <- d.run(stop) }()
	}
	do()
	close(stop)
	for range drivers {
		require.NoError(t, <-failed)
	}
	for _, d := range drivers {
		before -= d.answers
	}
	require.Less(t, before, -50, "there was no traffic")
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
