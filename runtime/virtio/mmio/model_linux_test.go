// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"encoding/binary"
	"math/bits"

	"arcbox.dev/datapath/virtq/virtqtest"
)

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
