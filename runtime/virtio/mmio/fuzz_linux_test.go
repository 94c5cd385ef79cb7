// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/blk"
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// Layout of a fuzzed guest's memory: a queue and a request, ready to be kicked, with
// bytes around it that are not the guest's.
const (
	fuzzMemory = 256 << 10 // bytes
	fuzzGuard  = 64 << 10
	fuzzDisk   = 64 << 10
	fuzzQueue  = 8
	fuzzDesc   = virtqtest.Base
	fuzzAvail  = virtqtest.Base + 0x1000
	fuzzUsed   = virtqtest.Base + 0x2000
	fuzzHeader = virtqtest.Base + 0x3000
	fuzzData   = virtqtest.Base + 0x4000
	fuzzArena  = virtqtest.Base + fuzzMemory/2 // what follows is for the driver at the end
	// fuzzRead is how long a read takes at least, so that a guest does things meanwhile.
	fuzzRead = 50 * time.Microsecond
)

// Steps of a script for FuzzRegisters, each with its arguments.
const (
	stepSet   = iota // register / 4, value (4 bytes)
	stepSmall        // register / 4, value (1 byte)
	stepWrite        // offset (2 bytes), width, bytes
	stepRead         // offset (2 bytes), width
	stepPoke         // offset into memory (2 bytes), value (2 bytes)
	stepSetUp        // the device as a driver sets it up that keeps the rules
	stepKick         // signals the queue's eventfd, as KVM does
	stepOffer        // makes n more chains available, and kicks
	stepPause        // waits for some microseconds
	steps
)

// fuzzSetUp sets a block device with one queue up.
var fuzzSetUp = [][2]uint64{
	{0x070, 0}, {0x070, 1}, {0x070, 3}, {0x024, 1}, {0x020, 1}, {0x024, 0}, {0x020, 1 << 28}, {0x070, 11},
	{0x030, 0}, {0x038, fuzzQueue}, {0x080, fuzzDesc}, {0x084, 0}, {0x090, fuzzAvail}, {0x094, 0},
	{0x0a0, fuzzUsed}, {0x0a4, 0}, {0x044, 1}, {0x070, 15},
}

// fuzzBoard is a board whose guest is a script.
type fuzzBoard struct {
	Transport *Transport
	wire      Wiring
	memory    []byte // with its guards
	offered   uint16
}

// guest is the guest's memory.
func (b *fuzzBoard) guest() []byte { return b.memory[fuzzGuard : fuzzGuard+fuzzMemory] }

// prepare lays out chains: a read of two sectors each, in a queue that is empty.
func (b *fuzzBoard) prepare() {
	at := func(addr uint64) []byte { return b.guest()[addr-virtqtest.Base:] }
	for i, d := range []virtqtest.Desc{
		{Addr: fuzzHeader, Len: 16, Flags: virtqtest.FlagNext, Next: 1},
		{Addr: fuzzData, Len: 1024, Flags: virtqtest.FlagNext | virtqtest.FlagWrite, Next: 2},
		{Addr: fuzzHeader + 64, Len: 1, Flags: virtqtest.FlagWrite},
	} {
		d.Put(at(fuzzDesc + uint64(i)*virtqtest.DescSize))
	}
}

func (b *fuzzBoard) set(off uint64, v uint32) {
	b.Transport.Write(off, binary.LittleEndian.AppendUint32(nil, v))
}

// play carries out a script, of which it takes at most 200 steps.
func (b *fuzzBoard) play(script []byte) {
	next := func(n int) []byte {
		p := make([]byte, n)
		script = script[copy(p, script):]
		return p
	}
	le := binary.LittleEndian
	for range 200 {
		if len(script) == 0 {
			return
		}
		switch next(1)[0] % steps {
		case stepSet:
			off := uint64(next(1)[0]) * 4
			b.set(off, le.Uint32(next(4)))
		case stepSmall:
			p := next(2)
			b.set(uint64(p[0])*4, uint32(p[1]))
		case stepWrite:
			off, n := le.Uint16(next(2)), next(1)[0]%8+1
			b.Transport.Write(uint64(off), next(int(n)))
		case stepRead:
			off, n := le.Uint16(next(2)), next(1)[0]%8+1
			b.Transport.Read(uint64(off), make([]byte, n))
		case stepPoke:
			p := next(4)
			// Atomically, since the device may look at just that.
			w, err := b.wire.Memory.Uint16(virtqtest.Base + uint64(le.Uint16(p))&^1)
			if err == nil {
				w.Store(le.Uint16(p[2:]))
			}
		case stepSetUp:
			for _, s := range fuzzSetUp {
				b.set(s[0], uint32(s[1]))
			}
		case stepKick:
			_ = eventfd.Signal(b.wire.Kicks[0])
		case stepOffer:
			b.offered += uint16(next(1)[0])
			if w, err := b.wire.Memory.Atomic32(fuzzAvail); err == nil {
				w.Store(uint32(b.offered) << 16)
			}
			b.set(QueueNotify, 0)
		case stepPause:
			time.Sleep(time.Duration(next(1)[0]) * time.Microsecond)
		}
	}
}

// write is a step that writes a register.
func write(off uint64, v uint32) []byte {
	return binary.LittleEndian.AppendUint32([]byte{stepSet, byte(off / 4)}, v)
}

// slow is a disk whose reads take fuzzRead at least.
type slow struct{ blk.Disk }

func (d slow) Readv(bufs []guestmem.Segment, off int64) error {
	time.Sleep(fuzzRead)
	return d.Disk.Readv(bufs, off)
}

// FuzzRegisters plays scripts of register accesses, changes of memory and kicks to a
// block device that serves its queue meanwhile. Whatever they are, they end in time,
// nothing outside guest memory is written, and a driver that then resets the device
// finds it in order.
func FuzzRegisters(f *testing.F) {
	set := []byte{stepSetUp}
	offer := []byte{stepOffer, 2}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	f.Add(join(set, offer))
	// Sized and placed anew after activation, and enabled twice.
	again := join(
		write(regQueueNum, 1<<15),
		write(regQueueDescLow, 0), write(regQueueDescHigh, 1),
		write(regQueueDriverLow, 0), write(regQueueDriverHigh, 1),
		write(regQueueDeviceLow, 0), write(regQueueDeviceHigh, 1),
		write(regQueueReady, 1), write(regQueueReady, 1),
	)
	f.Add(join(set, again, offer))
	f.Add(join(set, offer, again, offer))
	f.Add(join(set, write(regQueueReady, 0), write(regQueueNum, 4), write(regQueueReady, 1), offer))
	f.Add(join(set, set, offer, write(regStatus, 15), offer))
	// Reset, or stopped, in mid-request, at several moments.
	f.Add(join(set, offer, write(regStatus, 0)))
	for _, pause := range []byte{1, 20, 60, 200} {
		f.Add(join(set, offer, []byte{stepPause, pause}, write(regStatus, 0), set, offer))
		f.Add(join(set, offer, []byte{stepPause, pause}, write(regQueueReady, 0), again, offer))
	}
	// Sizes that no queue has, addresses outside memory, a queue that does not exist.
	f.Add(join(write(regStatus, 11), write(regQueueNum, 3), write(regQueueReady, 1), write(regStatus, 15)))
	f.Add(join(write(regQueueDescHigh, 1<<31), write(regQueueNum, 8), write(regQueueReady, 1)))
	f.Add(join(write(regQueueSel, 7), write(regQueueNum, 8), write(regQueueReady, 1), write(QueueNotify, 7)))
	// More chains than descriptors, a chain that comes back to itself, one elsewhere.
	f.Add(join(set, []byte{stepOffer, 200}))
	f.Add(join(set, []byte{stepPoke, 0x1e, 0, 0, 0}, offer))
	f.Add(join(set, []byte{stepPoke, 0x12, 0, 0xff, 0xff}, offer, []byte{stepKick}))
	f.Add([]byte{stepWrite, 0x5c, 0, 7, 1, 2, 3, 4, 5, 6, 7, 8, stepRead, 0x5e, 0, 7, stepWrite, 0xff, 1, 7, 1})

	dev := newBlock(f, slow{newDisk(f, fuzzDisk)})
	f.Fuzz(func(t *testing.T, script []byte) {
		b := newFuzzBoard(t, dev, len(script)%2 == 1)
		virtiotest.Within(t, "a script", func() { b.play(script) })
		virtiotest.Within(t, "the driver that follows", func() { b.recovers(t) })
		virtiotest.Within(t, "Close", b.Transport.Close)
		for _, guard := range [][]byte{b.memory[:fuzzGuard], b.memory[fuzzGuard+fuzzMemory:]} {
			if !bytes.Equal(guard, bytes.Repeat([]byte{0xaa}, fuzzGuard)) {
				t.Error("written outside guest memory")
			}
		}
	})
}

// newFuzzBoard makes a board of memory with guards.
func newFuzzBoard(t *testing.T, dev virtio.Device, mirror bool) *fuzzBoard {
	// Guest memory that the race detector does not watch, as real one.
	mem := mapped(t, fuzzGuard+fuzzMemory+fuzzGuard)
	for i := range fuzzGuard {
		mem[i], mem[len(mem)-1-i] = 0xaa, 0xaa
	}
	b := &fuzzBoard{memory: mem}
	memory, err := guestmem.New(guestmem.Region{Addr: virtqtest.Base, Mem: b.guest()})
	if err != nil {
		t.Fatal(err)
	}
	b.wire = Wiring{Memory: memory, Kicks: []int{virtiotest.Eventfd(t, unix.EFD_NONBLOCK)}, Interrupt: virtiotest.Eventfd(t, unix.EFD_NONBLOCK)}
	if mirror {
		b.wire.Mirror = mapped(t, pageSize)
	}
	b.prepare()
	b.Transport, err = New(dev, b.wire)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func mapped(t *testing.T, size int) []byte {
	mem, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(mem) })
	return mem
}

// recovers drives the device as Linux does.
func (b *fuzzBoard) recovers(t *testing.T) {
	a, err := virtqtest.NewArena(b.wire.Memory, fuzzArena, fuzzMemory/2)
	if err != nil {
		t.Error(err)
		return
	}
	l := &linux{board: &board{Transport: b.Transport, t: t, wire: b.wire, arena: a}}
	l.probe(virtio.IDBlock, ^uint64(0))
	r := l.newRequest(0, 0, 512, true)
	if _, err := l.do(0, r.bufs[:]...); err != nil || r.status[0] != 0 {
		t.Errorf("a request afterwards: %v, status %d", err, r.status[0])
	}
}
