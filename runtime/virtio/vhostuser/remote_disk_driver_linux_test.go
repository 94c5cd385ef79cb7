// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/blk"
	"arcbox.dev/runtime/virtio/virtiotest"
)

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
			if !virtiotest.Readable(d.callEnd, patience) {
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
