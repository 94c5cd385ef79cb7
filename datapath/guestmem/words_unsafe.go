// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build 386 || amd64 || arm || arm64 || loong64 || mips64le || mipsle || ppc64le || riscv64

package guestmem

import (
	"fmt"
	"math"
	"sync/atomic"
	"unsafe"
)

// Words in guest memory are little-endian, and the types below read them as the
// processor does: the build constraint above lists the architectures for which
// that is the same.

// Atomic32 returns the 32-bit word at addr. It fails if the word is not in guest
// memory or not aligned to 4 bytes in this process.
func (m *Memory) Atomic32(addr uint64) (*atomic.Uint32, error) {
	p, err := m.word(addr, 4)
	// atomic.Uint32 is a uint32 and nothing else, p points at 4 aligned bytes that
	// stay mapped as long as the Memory is in use, and any bit pattern is a value.
	return (*atomic.Uint32)(p), err
}

// Uint16 returns the 16-bit word at addr. It fails if the word is not in guest
// memory or not aligned to 2 bytes in this process.
func (m *Memory) Uint16(addr uint64) (*Uint16, error) {
	p, err := m.word(addr, 2)
	// Uint16 is a uint16 and nothing else, p points at 2 aligned bytes that stay
	// mapped as long as the Memory is in use, and any bit pattern is a value.
	return (*Uint16)(p), err
}

// Entry is what a ring in guest memory consists of: one of 16-bit words, or one of
// pairs of 32-bit words. Accesses to entries order nothing: an atomic.Uint32 says
// which of them are this side's.
type Entry interface {
	uint16 | [2]uint32
}

// Entries returns n entries at addr. It fails if they are not all in one region, or the
// words that they consist of are not aligned in this process.
func Entries[E Entry](m *Memory, addr, n uint64) ([]E, error) {
	var e E
	size := uint64(unsafe.Sizeof(e))
	if n > math.MaxUint64/size {
		return nil, &RangeError{Addr: addr, Len: math.MaxUint64}
	}
	b, err := m.Slice(addr, n*size)
	if err != nil {
		return nil, err
	}
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%unsafe.Alignof(e) != 0 {
		return nil, fmt.Errorf("ring at guest address %#x is not aligned in this process", addr)
	}
	// p points at n*size bytes that are aligned for E and stay mapped as long as the
	// Memory is in use; E has no pointers, and any bit pattern is a value.
	return unsafe.Slice((*E)(p), n), nil
}

// word returns the address in this process of size aligned bytes at addr, or nil
// and an error.
func (m *Memory) word(addr uint64, size uint64) (unsafe.Pointer, error) {
	b, err := m.Slice(addr, size)
	if err != nil {
		return nil, err
	}
	// A pointer rather than an index, since the word is to be read and written in
	// one access, which no operation on a []byte promises.
	p := unsafe.Pointer(unsafe.SliceData(b))
	if uintptr(p)%uintptr(size) != 0 {
		return nil, fmt.Errorf("word of %d bytes at guest address %#x is not aligned in this process", size, addr)
	}
	return p, nil
}

// Uint16 is a 16-bit word in guest memory, which the other side may change at any
// time. Go has no 16-bit atomics: Load and Store are one access each, since they
// are aligned, but order nothing. Where order matters, an access to an
// atomic.Uint32 stands between.
type Uint16 struct{ v uint16 }

// Load reads the word.
//
//go:norace
func (w *Uint16) Load() uint16 { return w.v }

// Store writes the word.
//
//go:norace
func (w *Uint16) Store(v uint16) { w.v = v }
