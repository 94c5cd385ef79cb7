// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"fmt"
)

// vringState is a vring state description.
type vringState struct {
	index uint32 // of the ring
	num   uint32 // size, available index, or whether it is enabled
}

func (v vringState) append(b []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, v.index)
	return binary.NativeEndian.AppendUint32(b, v.num)
}
func (vringState) files() int { return 0 }

func parseVringState(b []byte) (payload, error) {
	if err := wantSize(b, 8); err != nil {
		return nil, err
	}
	return vringState{binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])}, nil
}

// VringAddr is where a ring's parts are, as user addresses of the memory table.
type VringAddr struct {
	Desc  uint64 // descriptor table
	Used  uint64 // used ring
	Avail uint64 // available ring
}

// vringAddr is a vring address description, without the address of a log.
type vringAddr struct {
	index uint32
	addr  VringAddr
}

func (v vringAddr) append(b []byte) []byte {
	b = binary.NativeEndian.AppendUint32(b, v.index)
	b = binary.NativeEndian.AppendUint32(b, 0)
	for _, a := range [...]uint64{v.addr.Desc, v.addr.Used, v.addr.Avail, 0} {
		b = binary.NativeEndian.AppendUint64(b, a)
	}
	return b
}
func (vringAddr) files() int { return 0 }

func parseVringAddr(b []byte) (payload, error) {
	if err := wantSize(b, 40); err != nil {
		return nil, err
	}
	// The one flag that there is, bit 0, turns on a log, which is not offered.
	if flags := binary.NativeEndian.Uint32(b[4:]); flags != 0 {
		return nil, fmt.Errorf("vring flags %#x are not supported", flags)
	}
	return vringAddr{
		index: binary.NativeEndian.Uint32(b),
		addr: VringAddr{
			Desc:  binary.NativeEndian.Uint64(b[8:]),
			Used:  binary.NativeEndian.Uint64(b[16:]),
			Avail: binary.NativeEndian.Uint64(b[24:]),
		},
	}, nil
}

// Bits of a vringFile's number.
const (
	vringIndexMask = 0xff
	vringNoFile    = 1 << 8 // the signal is to be polled for instead
)

// vringFile goes with the descriptor of one of a ring's signals, or none.
type vringFile struct {
	index  uint8
	noFile bool
}

func (v vringFile) append(b []byte) []byte {
	n := number(v.index)
	if v.noFile {
		n |= vringNoFile
	}
	return n.append(b)
}

func (v vringFile) files() int {
	if v.noFile {
		return 0
	}
	return 1
}

func parseVringFile(b []byte) (payload, error) {
	if err := wantSize(b, 8); err != nil {
		return nil, err
	}
	n := binary.NativeEndian.Uint64(b)
	if n&^(vringIndexMask|vringNoFile) != 0 {
		return nil, fmt.Errorf("unknown bits in vring index %#x", n)
	}
	return vringFile{index: uint8(n & vringIndexMask), noFile: n&vringNoFile != 0}, nil
}
