// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/vmm/ram"
)

const (
	mib  = 1 << 20
	gib  = 1 << 30
	page = ram.PageSize
)

// filler returns n bytes that are not zero and differ from page to page.
func filler(n int, seed byte) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 1 + (byte(i)+byte(i/page)*7+seed)%255
	}
	return b
}

// fileOf makes a file that holds b.
func fileOf(t testing.TB, b []byte) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("test", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	f := os.NewFile(uintptr(fd), "test")
	_, err = f.Write(b)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

func newRAM(t testing.TB, size uint64) *ram.RAM {
	t.Helper()
	r, err := ram.New(size)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Close()) })
	return r
}

// memory returns n bytes of guest memory, which must be there.
func memory(t testing.TB, r *ram.RAM, addr, n uint64) []byte {
	t.Helper()
	b, err := r.Memory().Slice(addr, n)
	require.NoError(t, err)
	return b
}

// elfFile is an ELF file in the making.
type elfFile struct {
	header elf.Header64
	progs  []elf.Prog64
	parts  []part
}

// part is content at an offset.
type part struct {
	off  int
	data []byte
}

// note returns an ELF note, its parts padded to 4 bytes.
func note(name string, kind uint32, desc []byte) []byte {
	b, _ := binary.Append(nil, binary.LittleEndian, []uint32{uint32(len(name)), uint32(len(desc)), kind})
	for _, s := range []string{name, string(desc)} {
		b = append(b, s...)
		b = append(b, make([]byte, -len(b)&3)...)
	}
	return b
}

// le64 returns a number as 8 bytes.
func le64(v uint64) []byte { return binary.LittleEndian.AppendUint64(nil, v) }

// The segments of vmlinux, as Linux's are: text whose pages are where they are in the
// file, data that begins in the midst of a page and ends in zeros, one that is
// nowhere near its offset, and the notes within the text.
const (
	textAddr  = 0x100_0000
	textOff   = 0x2000
	textSize  = 5*page + 100
	dataAddr  = 0x110_0800
	dataOff   = 0x8800
	dataSize  = 3*page + 0x900
	dataMem   = dataSize + 2*page
	extraAddr = 0x120_0000
	extraOff  = 0xd123
	extraSize = 2 * page
	pvhEntry  = textAddr + 0x150
	notesOff  = textOff + 0x3000
	kernelEnd = extraAddr + extraSize
)

func vmlinux() *elfFile {
	notes := note("Xen\x00", 6, []byte("linux\x00"))
	notes = append(notes, note("GNU\x00", 18, le64(1))...)
	notes = append(notes, note("Xen\x00", 18, le64(pvhEntry))...)
	text := filler(textSize, 1)
	copy(text[notesOff-textOff:], notes)
	load := func(addr, off, size, mem uint64) elf.Prog64 {
		return elf.Prog64{Type: uint32(elf.PT_LOAD), Off: off, Vaddr: 1<<63 + addr, Paddr: addr, Filesz: size, Memsz: mem}
	}
	return &elfFile{
		progs: []elf.Prog64{
			load(extraAddr, extraOff, extraSize, extraSize), // not by rising address
			load(textAddr, textOff, textSize, textSize),
			load(dataAddr, dataOff, dataSize, dataMem),
			load(0, 0, 0, 0),
			{Type: uint32(elf.PT_NOTE), Off: notesOff, Filesz: uint64(len(notes)), Align: 4},
		},
		parts: []part{{textOff, text}, {dataOff, filler(dataSize, 2)}, {extraOff, filler(extraSize, 3)}},
	}
}

// bytes returns the file.
func (e *elfFile) bytes() []byte {
	h := e.header
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB)
	if h.Machine == 0 {
		h.Machine = uint16(elf.EM_X86_64)
	}
	if h.Phoff == 0 {
		h.Phoff = 64
	}
	if h.Phentsize == 0 {
		h.Phentsize = 56
	}
	if h.Phnum == 0 {
		h.Phnum = uint16(len(e.progs))
	}
	var b bytes.Buffer
	_ = binary.Write(&b, binary.LittleEndian, h) // to a buffer: cannot fail
	_ = binary.Write(&b, binary.LittleEndian, e.progs)
	for _, p := range e.parts {
		if gap := p.off - b.Len(); gap > 0 {
			b.Write(make([]byte, gap))
		}
		b.Truncate(p.off)
		b.Write(p.data)
	}
	return b.Bytes()
}

// bzFile is a bzImage in the making: its fields by their offset in boot.rst.
type bzFile struct {
	header []byte // 0x26c bytes
	code   []byte // the protected-mode part
	tail   []byte // what follows, a signature
}

const (
	bzSectors = 7 // of real-mode code, the first included
	bzLoad    = 0x100_0000
	bzInit    = 0x20_1000
)

func bz() *bzFile {
	f := &bzFile{header: make([]byte, 0x26c), code: filler(0x12340, 5), tail: []byte("signature")}
	for i := range f.header[:0x1f1] {
		f.header[i] = 0xcc // real-mode code, which must not get into boot_params
	}
	f.header[0x1f1] = bzSectors - 1
	f.put32(0x1f4, uint32(len(f.code)/16))
	f.put16(0x1fa, 0xffff) // vid_mode
	f.put16(0x1fe, 0xaa55)
	f.put16(0x200, 0x6aeb) // jump behind the header
	copy(f.header[0x202:], "HdrS")
	f.put16(0x206, 0x020f)
	f.header[0x211] = 1         // LOADED_HIGH
	f.put32(0x22c, 0x7fff_ffff) // initrd_addr_max
	f.put32(0x230, 0x20_0000)   // kernel_alignment
	f.header[0x234] = 1         // relocatable_kernel
	f.put16(0x236, 0x7f)        // xloadflags
	f.put32(0x238, 2047)        // cmdline_size
	f.put64(0x250, 0xdead_beef) // setup_data
	f.put64(0x258, bzLoad)      // pref_address
	f.put32(0x260, bzInit)      // init_size
	f.put32(0x264, 0x1234)      // handover_offset
	f.put32(0x268, 0x5678)      // kernel_info_offset
	f.put32(0x218, 0xaaaa_aaaa) // ramdisk_image
	f.put32(0x21c, 0xbbbb_bbbb) // ramdisk_size
	return f
}

func (f *bzFile) put16(off int, v uint16) { binary.LittleEndian.PutUint16(f.header[off:], v) }
func (f *bzFile) put32(off int, v uint32) { binary.LittleEndian.PutUint32(f.header[off:], v) }
func (f *bzFile) put64(off int, v uint64) { binary.LittleEndian.PutUint64(f.header[off:], v) }

// bytes returns the file.
func (f *bzFile) bytes() []byte {
	setup := make([]byte, bzSectors*512)
	copy(setup, f.header)
	return append(append(setup, f.code...), f.tail...)
}
