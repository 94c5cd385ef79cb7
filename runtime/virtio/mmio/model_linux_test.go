// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"encoding/binary"
	"math/bits"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
)

// still is a device that takes queues and does nothing with them by itself.
type still struct {
	echo
	running [2]*virtio.Queue
	layouts [2]uint64 // features that each was started with
}

func (d *still) StartQueue(i int, q *virtio.Queue, features uint64) error {
	if d.running[i] != nil {
		panic("a queue was started twice")
	}
	d.running[i], d.layouts[i] = q, features
	return nil
}

func (d *still) StopQueue(i int) { d.running[i] = nil }

// model is the register file as the specification has it, for one vCPU and without
// a thought for speed.
type model struct {
	status, isr, generation uint32
	sel                     [3]uint32 // DeviceFeaturesSel, DriverFeaturesSel, QueueSel
	accepted                [2]uint32
	queues                  [2]modelQueue
	config                  [20]byte
	kicks                   [2]uint64
	interrupts              uint64
}

type modelQueue struct {
	num                   uint32
	addr                  [3]uint64 // descriptors, available ring, used ring
	ready, spent, running bool
	features              uint64
}

var (
	modelSizes   = [2]uint32{64, 16}
	modelOffered = [2]uint32{echoFeature | 1<<28 | 1<<29, 1}
)

func (m *model) queue() *modelQueue {
	if m.sel[2] < 2 {
		return &m.queues[m.sel[2]]
	}
	return nil
}

// fits tells whether a queue is of a legal size and in guest memory.
func (q *modelQueue) fits(max uint32) bool {
	in := func(addr, n, align uint64) bool {
		return addr%align == 0 && addr >= virtqtest.Base && addr+n > addr && addr+n <= virtqtest.Base+4<<20
	}
	n := uint64(q.num)
	return bits.OnesCount32(q.num) == 1 && q.num <= max &&
		in(q.addr[0], 16*n, 16) && in(q.addr[1], 6+2*n, 2) && in(q.addr[2], 6+8*n, 4)
}

func (m *model) start(i int) {
	if q := &m.queues[i]; m.status&64 == 0 {
		q.spent, q.running = true, true
		q.features = uint64(m.accepted[1])<<32 | uint64(m.accepted[0])
	}
}

func (m *model) notifyConfig() {
	m.isr |= 2
	if m.status&4 != 0 {
		m.interrupts++
	}
}

func (m *model) setConfig(off uint64, p []byte) {
	old := m.config
	copy(m.config[min(off, 20):], p)
	if m.config != old {
		m.generation += 2
	}
}

func (m *model) writeStatus(v uint32) {
	if v == 0 {
		*m = model{generation: m.generation, config: m.config, kicks: m.kicks, interrupts: m.interrupts}
		m.setConfig(configPerDriver, []byte{0})
		return
	}
	old := m.status
	m.status |= v & (1 | 2 | 128)
	if v&8 != 0 && m.accepted[0]&^modelOffered[0] == 0 && m.accepted[1] == 1 {
		m.status |= 8
	}
	if m.status&8 != 0 {
		m.status |= v & 4
	}
	if m.status&4 > old&4 {
		for i := range m.queues {
			if m.queues[i].ready {
				m.start(i)
			}
		}
		if m.isr&2 != 0 {
			m.interrupts++
		}
	}
}

func (m *model) writeReady(q *modelQueue, v uint32) {
	switch {
	case v == 0:
		q.ready, q.running = false, false
	case v == 1 && !q.ready && !q.spent:
		if q.ready = q.fits(modelSizes[m.sel[2]]); !q.ready {
			m.status |= 64
			m.notifyConfig()
		} else if m.status&4 != 0 {
			m.start(int(m.sel[2]))
		}
	}
}

func (m *model) write(off uint64, v uint32) {
	q := m.queue()
	switch off {
	case 0x014:
		m.sel[0] = v
	case 0x024:
		m.sel[1] = v
	case 0x030:
		m.sel[2] = v
	case 0x020:
		if m.sel[1] < 2 && m.status&8 == 0 {
			m.accepted[m.sel[1]] = v
		}
	case 0x044:
		if q != nil {
			m.writeReady(q, v)
		}
	case 0x050:
		if v < 2 {
			m.kicks[v]++
		}
	case 0x064:
		m.isr &^= v
	case 0x070:
		m.writeStatus(v)
	case 0x038, 0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4:
		switch {
		case q == nil || q.ready || q.spent:
		case off == 0x038:
			q.num = v
		case off%8 == 0:
			a := &q.addr[(off-0x080)/0x10]
			*a = *a>>32<<32 | uint64(v)
		default:
			a := &q.addr[(off-0x080)/0x10]
			*a = *a&(1<<32-1) | uint64(v)<<32
		}
	}
}

func (m *model) read(off uint64) uint32 {
	if off >= 0x100 {
		var config [ConfigSize + 4]byte
		copy(config[:], m.config[:])
		return binary.LittleEndian.Uint32(config[min(off-0x100, ConfigSize):])
	}
	q := m.queue()
	switch off {
	case 0x000:
		return 0x74726976
	case 0x004:
		return 2
	case 0x008:
		return 3
	case 0x00c:
		return 0x58424341
	case 0x010:
		if m.sel[0] < 2 {
			return modelOffered[m.sel[0]]
		}
	case 0x034:
		if q != nil {
			return modelSizes[m.sel[2]]
		}
	case 0x044:
		if q != nil && q.ready {
			return 1
		}
	case 0x060:
		return m.isr
	case 0x070:
		return m.status
	case 0x0b0, 0x0b4, 0x0b8, 0x0bc:
		return 1<<32 - 1
	case 0x0fc:
		return m.generation
	}
	return 0
}

// drawValue draws what a guest writes to a register: mostly what makes some sense.
func drawValue(t *rapid.T, off uint64) uint32 {
	sense := map[uint64][]uint32{
		0x014: {0, 1, 2}, 0x024: {0, 1, 2}, 0x030: {0, 1, 2}, 0x044: {0, 1, 1, 2}, 0x050: {0, 1, 2},
		0x020: {0, 1, echoFeature, 1 << 28, 1 << 29, modelOffered[0], 1 << 30},
		0x038: {0, 1, 2, 12, 16, 32, 64, 128}, 0x064: {0, 1, 2, 3},
		0x070: {0, 1, 3, 11, 15, 15, 4, 8, 64, 128, 256},
		0x080: {virtqtest.Base, virtqtest.Base + 8}, 0x090: {virtqtest.Base + 4096, 1}, 0x0a0: {virtqtest.Base + 8192, virtqtest.Base + 4<<20 - 64},
		0x084: {0, 0, 0, 1}, 0x094: {0, 0, 0, 1}, 0x0a4: {0, 0, 0, 1 << 31},
	}
	if v := sense[off]; v != nil && rapid.IntRange(0, 9).Draw(t, "sense") > 0 {
		return rapid.SampledFrom(v).Draw(t, "value")
	}
	return rapid.Uint32().Draw(t, "value")
}

var writable = []uint64{
	0x014, 0x020, 0x024, 0x030, 0x038, 0x044, 0x050, 0x064, 0x070, 0x070,
	0x080, 0x084, 0x090, 0x094, 0x0a0, 0x0a4, 0x0ac, 0x0c0, 0x0fc, 0x060, 0x034, 0x000,
}

// setUp is what a driver that keeps the rules writes.
var setUp = [][2]uint64{
	{0x070, 0}, {0x070, 1}, {0x070, 3}, {0x024, 1}, {0x020, 1}, {0x024, 0}, {0x020, echoFeature}, {0x070, 11},
	{0x030, 0}, {0x038, 64}, {0x080, virtqtest.Base}, {0x090, virtqtest.Base + 4096}, {0x0a0, virtqtest.Base + 8192}, {0x044, 1},
	{0x030, 1}, {0x038, 16}, {0x080, virtqtest.Base}, {0x090, virtqtest.Base + 4096}, {0x0a0, virtqtest.Base + 8192}, {0x044, 1},
	{0x070, 15},
}

// subject is a board of the model test, with its device.
type subject struct {
	*board
	dev *still
}

// newSubject makes a new transport on a board's wiring.
func newSubject(t *rapid.T, b board) *subject {
	for _, fd := range append([]int{b.wire.Interrupt}, b.wire.Kicks...) {
		counter(fd) // left by the one before
	}
	s := &subject{&b, &still{}}
	var err error
	b.Transport, err = New(s.dev, b.wire)
	require.NoError(t, err)
	return s
}

// TestModel has a guest do anything to a board with a mirror and to one without. All
// three, the model among them, must agree about every register, about what the
// device is given, and about each signal.
func TestModel(t *testing.T) {
	boards := []*board{newBoard(t, &still{}, wirings[0]), newBoard(t, &still{}, wirings[1])}
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{}
		subjects := make([]*subject, len(boards))
		for i, b := range boards {
			subjects[i] = newSubject(rt, *b)
			defer subjects[i].Close()
		}
		write := func(off uint64, v uint32) {
			m.write(off, v)
			for _, s := range subjects {
				s.set(off, v)
			}
		}
		rt.Repeat(map[string]func(*rapid.T){
			"write": func(rt *rapid.T) {
				off := rapid.SampledFrom(writable).Draw(rt, "register")
				write(off, drawValue(rt, off))
			},
			"set up": func(rt *rapid.T) {
				from := rapid.IntRange(0, len(setUp)-1).Draw(rt, "from")
				for _, w := range setUp[from:] {
					write(w[0], uint32(w[1]))
				}
			},
			"whole set up": func(*rapid.T) {
				for _, w := range setUp {
					write(w[0], uint32(w[1]))
				}
			},
			"odd read": func(rt *rapid.T) {
				off := rapid.Uint64Range(0, Size+8).Draw(rt, "offset")
				n := rapid.IntRange(1, 8).Draw(rt, "bytes")
				got := [2][]byte{make([]byte, n), make([]byte, n)}
				for i, s := range subjects {
					s.read(off, got[i])
				}
				require.Equal(rt, got[0], got[1], "bytes at %#x", off)
			},
			"odd write": func(rt *rapid.T) {
				off := rapid.Uint64Range(0, ConfigOffset-1).Draw(rt, "offset")
				p := rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(rt, "bytes")
				if n := registers(off, len(p)); n == 4 && off%4 == 0 || (off+uint64(n))%4 == 0 && len(p)-n == 4 {
					return // at least one half of it is a register's
				}
				for _, s := range subjects {
					s.write(off, p)
				}
			},
			"write configuration": func(rt *rapid.T) {
				off := rapid.Uint64Range(0x100, 0x118).Draw(rt, "offset")
				p := rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(rt, "bytes")
				m.setConfig(off-0x100, p)
				for _, s := range subjects {
					s.write(off, p)
				}
			},
			"device changes": func(*rapid.T) {
				v := m.config[3] + 1
				m.setConfig(3, []byte{v})
				m.notifyConfig()
				for _, s := range subjects {
					s.dev.change(3, v)
					s.settle(rt, v)
				}
			},
			"device interrupts": func(*rapid.T) {
				for i, q := range m.queues {
					if q.running {
						m.isr |= 1
						m.interrupts++
						for _, s := range subjects {
							require.NoError(rt, s.dev.running[i].Call.Signal())
						}
					}
				}
			},
			"device breaks": func(rt *rapid.T) {
				i := rapid.IntRange(0, 1).Draw(rt, "queue")
				if m.queues[i].running {
					m.status |= 64
					m.notifyConfig()
					for _, s := range subjects {
						s.dev.running[i].Broken(errGone)
					}
				}
			},
			"": func(rt *rapid.T) {
				for _, s := range subjects {
					s.agrees(rt, m)
				}
				m.kicks, m.interrupts = [2]uint64{}, 0
			},
		})
	})
}

// settle waits until a change of the device was followed.
func (s *subject) settle(t *rapid.T, config3 byte) {
	for end := time.Now().Add(patience); byte(s.page.word(0x100).Load()>>24) != config3; {
		require.True(t, time.Now().Before(end), "a change was not followed")
		time.Sleep(10 * time.Microsecond)
	}
	s.mu.Lock() // which is held until the interrupt was raised
	defer s.mu.Unlock()
}

// agrees compares all that can be seen with the model.
func (s *subject) agrees(t *rapid.T, m *model) {
	for off := uint64(0); off < Size+8; off += 4 {
		require.Equal(t, m.read(off), s.get(off), "%v: register %#x", s.wiring, off)
	}
	for i, q := range m.queues {
		require.Equal(t, m.kicks[i], counter(s.wire.Kicks[i]), "%v: kicks of queue %d", s.wiring, i)
		got := s.dev.running[i]
		require.Equal(t, q.running, got != nil, "%v: queue %d runs", s.wiring, i)
		if got != nil {
			l, err := s.Transport.queues[i].layout()
			require.NoError(t, err)
			require.Equal(t, virtq.Layout{Size: uint16(q.num), Desc: q.addr[0], Avail: q.addr[1], Used: q.addr[2]}, l)
			require.EqualValues(t, q.num, got.Size())
			require.Equal(t, q.features, s.dev.layouts[i])
		}
	}
	require.Equal(t, m.interrupts, counter(s.wire.Interrupt), "%v: interrupts", s.wiring)
}

// counter reads an eventfd's counter and sets it to 0.
func counter(fd int) uint64 {
	var b [8]byte
	if _, err := unix.Read(fd, b[:]); err != nil {
		return 0
	}
	return binary.NativeEndian.Uint64(b[:])
}
