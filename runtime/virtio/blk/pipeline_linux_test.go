// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// slot is memory for one request of a pipeline.
type slot struct {
	head      uint16
	addr      uint64
	mem       []byte // header, data, status
	chain     [3]virtqtest.Buffer
	direction kind
}

// pipeline keeps several requests of one size in flight.
type pipeline struct {
	ring   *virtiotest.Ring
	slots  []slot
	byHead map[uint16]*slot
	free   []*slot
}

func newPipeline(a *virtqtest.Arena, ring *virtiotest.Ring, depth, size int) (*pipeline, error) {
	p := &pipeline{ring: ring, slots: make([]slot, depth), byHead: make(map[uint16]*slot, depth)}
	for i := range p.slots {
		s := &p.slots[i]
		addr, mem, err := a.Alloc(uint64(4096+size+1), 4096)
		if err != nil {
			return nil, err
		}
		// Data on pages of its own, as a guest has it.
		s.addr, s.mem = addr+4096-headerSize, mem[4096-headerSize:]
		p.free = append(p.free, s)
	}
	return p, nil
}

// start adds a request; there is a free slot.
func (p *pipeline) start(k kind, sector uint64, fill func(data []byte)) error {
	s := p.free[len(p.free)-1]
	p.free = p.free[:len(p.free)-1]
	n := len(s.mem) - headerSize - 1
	binary.LittleEndian.PutUint32(s.mem, uint32(k))
	binary.LittleEndian.PutUint64(s.mem[8:], sector)
	if fill != nil {
		fill(s.mem[headerSize:][:n])
	}
	s.mem[headerSize+n] = byte(untouched)
	s.direction = k
	s.chain = [3]virtqtest.Buffer{
		{Addr: s.addr, Len: headerSize},
		{Addr: s.addr + headerSize, Len: uint32(n), Writable: k == kindIn},
		{Addr: s.addr + headerSize + uint64(n), Len: 1, Writable: true},
	}
	head, err := p.ring.Add(s.chain[:]...)
	s.head = head
	p.byHead[head] = s
	return err
}

// finish waits for requests and gives each one's data to done.
func (p *pipeline) finish(done func(sector uint64, data []byte) error) error {
	used, err := p.ring.Wait(testWait)
	if err != nil {
		return err
	}
	if len(used) == 0 {
		return errors.New("the device does not answer")
	}
	for _, u := range used {
		s := p.byHead[u.Head]
		n := len(s.mem) - headerSize - 1
		want := uint32(1)
		if s.direction == kindIn {
			want += uint32(n)
		}
		if st := status(s.mem[headerSize+n]); st != statusOK || u.Written != want {
			return fmt.Errorf("status %d, used length %d, want %d", st, u.Written, want)
		}
		if done != nil {
			if err := done(binary.LittleEndian.Uint64(s.mem[8:]), s.mem[headerSize:][:n]); err != nil {
				return err
			}
		}
		p.free = append(p.free, s)
	}
	return nil
}

// fillAndCheck writes n blocks of 4096 bytes from a sector on, and reads them again.
func fillAndCheck(a *virtqtest.Arena, ring *virtiotest.Ring, first uint64, n, depth int) error {
	p, err := newPipeline(a, ring, depth, 4096)
	if err != nil {
		return err
	}
	block := func(sector uint64) []byte { return bytes.Repeat([]byte{byte(sector), byte(sector >> 8)}, 2048) }
	for _, k := range []kind{kindOut, kindIn} {
		for i := 0; i < n || len(p.free) < depth; {
			for ; i < n && len(p.free) > 0; i++ {
				sector := first + uint64(i*8)
				fill := func(data []byte) { copy(data, block(sector)) }
				if k == kindIn {
					fill = func(data []byte) { clear(data) }
				}
				if err := p.start(k, sector, fill); err != nil {
					return err
				}
			}
			ring.Kick()
			err := p.finish(func(sector uint64, data []byte) error {
				if k == kindIn && !bytes.Equal(data, block(sector)) {
					return fmt.Errorf("sector %d reads differently", sector)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
