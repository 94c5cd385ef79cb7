// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// wireTimeout is when a wake-up counts as lost.
const wireTimeout = 20 * time.Second

// signal is an eventfd: it remembers that it was raised, not how often.
type signal chan struct{}

func (s signal) raise() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// serve is a device that answers each chain with the sum of its readable bytes,
// out of order. It ends when stop is closed, with the number of waits.
func serve(q *virtq.Queue, kick, call signal, stop <-chan struct{}) (waits int, err error) {
	rnd := rand.New(rand.NewPCG(3, 4))
	chains := make([]virtq.Chain, 7)
	for {
		q.DisableKicks()
		for {
			n, err := q.Pop(chains)
			if err != nil {
				return waits, err
			}
			if n == 0 {
				break
			}
			rnd.Shuffle(n, func(i, j int) { chains[i], chains[j] = chains[j], chains[i] })
			for i := range chains[:n] {
				sum := uint64(0)
				for _, s := range chains[i].Readable() {
					for _, v := range s.Bytes() {
						sum += uint64(v)
					}
				}
				binary.LittleEndian.PutUint64(chains[i].Writable()[0].Bytes(), sum)
				q.Push(chains[i].Head, 8)
			}
			if q.Publish() {
				call.raise()
			}
		}
		if q.EnableKicks() {
			continue
		}
		waits++
		select {
		case <-kick:
		case <-stop:
			return waits, nil
		case <-time.After(wireTimeout):
			return waits, fmt.Errorf("device: no kick, pending %v", q.Pending())
		}
	}
}

// TestWire runs driver and device at the same time, each asleep whenever it may be:
// a lost wake-up on either side ends in a timeout, a missing barrier in a wrong
// sum or a race. Every queue goes round its 16-bit indexes.
func TestWire(t *testing.T) {
	for _, size := range []uint16{1, 2, 64, 1024, virtq.MaxSize} {
		for _, o := range []virtq.Options{{}, {EventIdx: true}, {Indirect: true}, {EventIdx: true, Indirect: true}} {
			name := fmt.Sprintf("size=%d/event=%v/indirect=%v", size, o.EventIdx, o.Indirect)
			if !t.Run(name, func(t *testing.T) { testWire(t, size, o, 1<<16+1000) }) {
				return // a lost wake-up takes long to find
			}
		}
	}
}

func testWire(t *testing.T, size uint16, o virtq.Options, total int) {
	a, err := virtqtest.NewMemory(8 << 20)
	require.NoError(t, err)
	kick, call := make(signal, 1), make(signal, 1)
	d, q, err := virtqtest.NewPair(a, size, virtqtest.Options{Options: o, Kick: kick.raise})
	require.NoError(t, err)
	stop := make(chan struct{})
	result := make(chan error, 1)
	waits := 0
	go func() {
		var err error
		waits, err = serve(q, kick, call, stop)
		result <- err
	}()

	reqs := newRequests(t, a, size)
	sent, reaped, sleeps := 0, 0, 0
	done := make([]virtqtest.Done, 5)
	rnd := rand.New(rand.NewPCG(1, 2))
	d.DisableInterrupts()
	for reaped < total {
		n, err := d.Reap(done)
		require.NoError(t, err)
		for _, used := range done[:n] {
			require.NoError(t, reqs.finish(used))
		}
		reaped += n
		for batch := 1 + rnd.IntN(10); batch > 0 && sent < total; batch-- {
			err := reqs.send(d, o.Indirect, sent)
			if err == virtqtest.ErrFull {
				break
			}
			require.NoError(t, err)
			sent, n = sent+1, n+1
		}
		d.Kick()
		if n > 0 {
			continue
		}
		// The device has all that it can have, and nothing is done.
		if !d.EnableInterrupts() {
			sleeps++
			select {
			case <-call:
			case err := <-result:
				t.Fatalf("device ended: %v", err)
			case <-time.After(wireTimeout):
				t.Fatalf("driver: no interrupt after %d of %d", reaped, sent)
			}
		}
		d.DisableInterrupts()
	}
	close(stop)
	require.NoError(t, <-result)
	avail, used := q.Position()
	require.Equal(t, uint16(total), avail)
	require.Equal(t, uint16(total), used)
	t.Logf("%d chains, device waited %d times, driver %d", total, waits, sleeps)
}

// requests are the driver's buffers: one or two to read and one to write each.
type requests struct {
	data   []byte
	addr   uint64
	unused []int          // slots
	slot   map[uint16]int // by head
	want   []uint64       // by slot
	single bool           // the queue has room for one descriptor only
}

const requestSize = 64 // bytes: 48 to read, 8 to write

func newRequests(t *testing.T, a *virtqtest.Arena, size uint16) *requests {
	r := &requests{slot: map[uint16]int{}, want: make([]uint64, size), single: size == 1}
	var err error
	r.addr, r.data, err = a.Alloc(uint64(size)*requestSize, 64)
	require.NoError(t, err)
	for i := range int(size) {
		r.unused = append(r.unused, i)
	}
	return r
}

func (r *requests) send(d *virtqtest.Driver, indirect bool, n int) error {
	if len(r.unused) == 0 {
		return virtqtest.ErrFull
	}
	slot := r.unused[len(r.unused)-1]
	addr, mem := r.addr+uint64(slot)*requestSize, r.data[slot*requestSize:][:requestSize]
	want := uint64(0)
	bufs := []virtqtest.Buffer{{Addr: addr + 56, Len: 8, Writable: true}}
	if !r.single {
		for i := range mem[:48] {
			mem[i] = byte(n + i)
			want += uint64(mem[i])
		}
		bufs = []virtqtest.Buffer{{Addr: addr, Len: 16}, {Addr: addr + 16, Len: 32}, bufs[0]}
		if d.Layout().Size == 2 {
			bufs = []virtqtest.Buffer{{Addr: addr, Len: 48}, bufs[2]}
		}
	}
	binary.LittleEndian.PutUint64(mem[56:], ^uint64(0))
	add := d.Add
	if indirect {
		add = d.AddIndirect
	}
	head, err := add(bufs...)
	if err != nil {
		return err
	}
	r.unused = r.unused[:len(r.unused)-1]
	r.slot[head], r.want[slot] = slot, want
	return nil
}

func (r *requests) finish(d virtqtest.Done) error {
	slot, ok := r.slot[d.Head]
	if !ok || d.Written != 8 {
		return fmt.Errorf("used element %+v is not of a chain that was sent", d)
	}
	if got := binary.LittleEndian.Uint64(r.data[slot*requestSize+56:]); got != r.want[slot] {
		return fmt.Errorf("got sum %d, want %d", got, r.want[slot])
	}
	delete(r.slot, d.Head)
	r.unused = append(r.unused, slot)
	return nil
}
