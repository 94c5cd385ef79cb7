// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// model is both sides of a queue and what must come out of it.
type model struct {
	driver *virtqtest.Driver
	queue  *virtq.Queue
	data   []byte // the memory that buffers are in
	addr   uint64 // its address

	event     bool
	indirect  bool
	size      int
	added     []sent          // not published by the driver
	available []sent          // not popped by the device
	popped    []held          // not pushed by the device
	pushed    []sent          // not published by the device
	used      []sent          // not reaped by the driver
	heads     map[uint16]bool // with the device
	next      int             // place of the next chain to pop
}

// sent is a chain as the driver made it.
type sent struct {
	head    uint16
	bufs    []virtqtest.Buffer
	written uint32
}

// held is a chain that the device has, and what it must be.
type held struct {
	sent
	chain virtq.Chain
	place int // among all chains
}

// TestModel drives both sides in any order and compares all that can be seen with
// the model: chains arrive once, in order and whole, used elements likewise in the
// order in which they were pushed, and nothing shows before it is published.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newModel(t)
		t.Repeat(map[string]func(*rapid.T){
			"add":            m.add,
			"driver publish": m.driverPublish,
			"pop":            m.pop,
			"unpop":          m.unpop,
			"push":           m.push,
			"device publish": m.devicePublish,
			"reap":           m.reap,
			"":               m.check,
		})
	})
}

func newModel(t *rapid.T) *model {
	m := &model{
		event:    rapid.Bool().Draw(t, "event index"),
		indirect: rapid.Bool().Draw(t, "indirect"),
		size:     1 << rapid.IntRange(0, 6).Draw(t, "log2 of size"),
		heads:    map[uint16]bool{},
	}
	a, err := virtqtest.NewMemory(1 << 20)
	require.NoError(t, err)
	m.addr, m.data, err = a.Alloc(4096, 8)
	require.NoError(t, err)
	o := virtq.Options{EventIdx: m.event, Indirect: m.indirect}
	m.driver, m.queue, err = virtqtest.NewPair(a, uint16(m.size), virtqtest.Options{Options: o})
	require.NoError(t, err)
	return m
}

func (m *model) add(t *rapid.T) {
	n := rapid.IntRange(1, m.size).Draw(t, "buffers")
	readable := rapid.IntRange(0, n).Draw(t, "readable")
	var s sent
	for i := range n {
		off := rapid.IntRange(0, len(m.data)-1).Draw(t, "offset")
		l := rapid.IntRange(0, min(100, len(m.data)-off)).Draw(t, "length")
		s.bufs = append(s.bufs, virtqtest.Buffer{Addr: m.addr + uint64(off), Len: uint32(l), Writable: i >= readable})
	}
	var err error
	free, need := m.driver.Free(), n
	if m.indirect && rapid.Bool().Draw(t, "as a table") {
		need = 1
		s.head, err = m.driver.AddIndirect(s.bufs...)
	} else {
		s.head, err = m.driver.Add(s.bufs...)
	}
	if free < need {
		require.ErrorIs(t, err, virtqtest.ErrFull)
		require.Equal(t, free, m.driver.Free())
		return
	}
	require.NoError(t, err)
	require.Equal(t, free-need, m.driver.Free())
	require.False(t, m.heads[s.head], "head is in use")
	m.heads[s.head] = true
	m.added = append(m.added, s)
}

func (m *model) driverPublish(t *rapid.T) {
	_, old := m.driver.Avail()
	event := m.driver.AvailEvent()
	want := len(m.added) > 0 && !m.event
	for i := range m.added {
		want = want || m.event && old+uint16(i) == event
	}
	require.Equal(t, want, m.driver.Publish(), "kick")
	m.available = append(m.available, m.added...)
	m.added = nil
}

func (m *model) pop(t *rapid.T) {
	chains := make([]virtq.Chain, rapid.IntRange(0, 10).Draw(t, "batch"))
	n, err := m.queue.Pop(chains)
	require.NoError(t, err)
	require.Equal(t, min(len(chains), len(m.available)), n)
	for i := range n {
		m.popped = append(m.popped, held{m.available[i], chains[i], m.next})
		m.next++
	}
	m.available = m.available[n:]
	if len(m.available) == 0 && rapid.Bool().Draw(t, "enable kicks") {
		require.False(t, m.queue.EnableKicks())
	}
}

// unpop gives back some of the chains that were popped last and not pushed.
func (m *model) unpop(t *rapid.T) {
	keep := len(m.popped)
	for keep > 0 && m.popped[keep-1].place == m.next-1-(len(m.popped)-keep) {
		keep--
	}
	n := rapid.IntRange(0, len(m.popped)-keep).Draw(t, "chains")
	m.queue.Unpop(n)
	m.next -= n
	keep = len(m.popped) - n
	var back []sent
	for _, h := range m.popped[keep:] {
		back = append(back, h.sent)
	}
	m.available = append(back, m.available...)
	m.popped = m.popped[:keep]
}

func (m *model) push(t *rapid.T) {
	if len(m.popped) == 0 {
		t.Skip("no chain")
	}
	i := rapid.IntRange(0, len(m.popped)-1).Draw(t, "chain")
	h := m.popped[i]
	m.requireChain(t, h)
	h.written = rapid.Uint32().Draw(t, "written")
	m.queue.Push(h.head, h.written)
	m.popped = append(m.popped[:i:i], m.popped[i+1:]...)
	m.pushed = append(m.pushed, h.sent)
}

// requireChain compares a chain's segments with the driver's buffers, byte by byte place.
func (m *model) requireChain(t *rapid.T, h held) {
	require.Equal(t, h.head, h.chain.Head)
	var want [2][]virtqtest.Buffer
	var bytes [2]uint64
	for _, b := range h.bufs {
		if b.Len > 0 {
			side := 0
			if b.Writable {
				side = 1
			}
			want[side] = append(want[side], b)
			bytes[side] += uint64(b.Len)
		}
	}
	for side, got := range [2][]guestmem.Segment{h.chain.Readable(), h.chain.Writable()} {
		require.Len(t, got, len(want[side]))
		for i, b := range want[side] {
			require.Equal(t, int(b.Len), got[i].Len())
			require.Same(t, &m.data[b.Addr-m.addr], &got[i].Bytes()[0])
		}
	}
	require.Equal(t, bytes[0], h.chain.ReadableLen())
	require.Equal(t, bytes[1], h.chain.WritableLen())
}

func (m *model) devicePublish(t *rapid.T) {
	interrupts := rapid.Bool().Draw(t, "interrupts")
	if interrupts {
		require.Equal(t, len(m.used) > 0, m.driver.EnableInterrupts())
	} else {
		m.driver.DisableInterrupts()
	}
	// With event indexes an index that is behind stays behind; one that is still
	// ahead from an earlier time may be passed now.
	got := m.queue.Publish()
	if !m.event || interrupts {
		want := interrupts && len(m.pushed) > 0 && (!m.event || len(m.used) == 0)
		require.Equal(t, want, got, "interrupt")
	}
	m.used = append(m.used, m.pushed...)
	m.pushed = nil
}

func (m *model) reap(t *rapid.T) {
	done := make([]virtqtest.Done, rapid.IntRange(0, 10).Draw(t, "batch"))
	n, err := m.driver.Reap(done)
	require.NoError(t, err)
	require.Equal(t, min(len(done), len(m.used)), n)
	for i, d := range done[:n] {
		require.Equal(t, virtqtest.Done{Head: m.used[i].head, Written: m.used[i].written}, d)
		delete(m.heads, d.Head)
	}
	m.used = m.used[n:]
}

func (m *model) check(t *rapid.T) {
	require.Equal(t, len(m.available) > 0, m.queue.Pending())
	require.Equal(t, len(m.popped), m.queue.InFlight())
	_, used := m.queue.Position()
	require.Equal(t, used, m.queue.UsedIndex())
	require.Len(t, m.heads, len(m.added)+len(m.available)+len(m.popped)+len(m.pushed)+len(m.used))
}
