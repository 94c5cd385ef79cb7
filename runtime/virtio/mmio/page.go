// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"

	"arcbox.dev/datapath/guestmem"
)

const (
	// pageSize is the size of a mirror in bytes, a page of the guest.
	pageSize = 4096
	wordSize = 4
	// pageWords is the number of words of it that are in the window.
	pageWords = (Size - MirrorOffset) / wordSize
)

// page is what reads at MirrorOffset and above are answered from. Each word is read
// and written as one, by this process and, if it is a mirror, by the guest's
// processor; x86 and arm64 both keep aligned words whole.
type page struct {
	words [pageWords]*atomic.Uint32
}

// newPage clears mem and makes a page of it.
func newPage(mem []byte) (*page, error) {
	if len(mem) != pageSize {
		return nil, fmt.Errorf("mirror of %d bytes, want %d", len(mem), pageSize)
	}
	m, err := guestmem.New(guestmem.Region{Mem: mem})
	if err != nil {
		return nil, fmt.Errorf("mirror: %w", err)
	}
	p := &page{}
	for i := range p.words {
		if p.words[i], err = m.Atomic32(uint64(i) * wordSize); err != nil {
			return nil, fmt.Errorf("mirror: %w", err)
		}
	}
	clear(mem)
	return p, nil
}

// word is the register at an offset into the window.
func (p *page) word(off uint64) *atomic.Uint32 { return p.words[(off-MirrorOffset)/wordSize] }

// read fills b from an offset into the window on, at any width and alignment, as
// memory does. What is beyond the window reads as zero.
func (p *page) read(off uint64, b []byte) {
	var word [wordSize]byte
	for len(b) > 0 && off < Size {
		binary.LittleEndian.PutUint32(word[:], p.word(off).Load())
		n := copy(b, word[off%wordSize:])
		b, off = b[n:], off+uint64(n)
	}
	clear(b)
}

// differs tells whether the configuration space is another one than config.
func (p *page) differs(config *[ConfigSize]byte) bool {
	for i := uint64(0); i < ConfigSize; i += wordSize {
		if p.word(ConfigOffset+i).Load() != binary.LittleEndian.Uint32(config[i:]) {
			return true
		}
	}
	return false
}

// setConfig makes config the configuration space.
func (p *page) setConfig(config *[ConfigSize]byte) {
	for i := uint64(0); i < ConfigSize; i += wordSize {
		p.word(ConfigOffset + i).Store(binary.LittleEndian.Uint32(config[i:]))
	}
}
