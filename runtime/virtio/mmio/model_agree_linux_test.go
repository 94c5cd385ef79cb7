// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"arcbox.dev/datapath/virtq"
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
					s.dev.Change(3, v)
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
