// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package boot

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/ram"
)

// sizes are those of guest memory, with the memory maps that they must give, and what
// of it is huge pages with vmlinux: those of the kernel, and at the end of memory.
var sizes = []struct {
	size uint64
	low  uint64
	e820 []memRange
	huge uint64
}{
	{64 * mib, 64 * mib, []memRange{{0, 0xa0000}, {0x100000, 63 * mib}}, (4 + 6) * mib},
	{128 * mib, 128 * mib, []memRange{{0, 0xa0000}, {0x100000, 127 * mib}}, (4 + 8) * mib},
	{3 * gib, 3 * gib, []memRange{{0, 0xa0000}, {0x100000, 3071 * mib}}, (4 + 54) * mib},
	{3*gib + page, 3 * gib, []memRange{{0, 0xa0000}, {0x100000, 3071 * mib}, {4 * gib, page}}, (4 + 2) * mib},
	{6 * gib, 3 * gib, []memRange{{0, 0xa0000}, {0x100000, 3071 * mib}, {4 * gib, 3 * gib}}, (4 + 2 + 100) * mib},
}

const (
	cmdline = "console=hvc0 quiet"
	rsdp    = 0xe0000
)

// flat returns the segment that covers 4 GiB, as the processor has it.
func flat(index uint16, kind, db, l uint8) gokvm.Segment {
	return gokvm.Segment{Limit: 0xffffffff, Selector: index * 8, Typ: kind, Present: 1, DB: db, S: 1, L: l, G: 1}
}

// checkStart checks the parts of s that hang together.
func checkStart(t *testing.T, r *ram.RAM, s Start) {
	t.Helper()
	if s.Mode == Long64 {
		require.Equal(t, flat(2, 11, 0, 1), s.Code)
	} else {
		require.Equal(t, flat(2, 11, 1, 0), s.Code)
	}
	require.Equal(t, flat(3, 3, 1, 0), s.Data)
	require.Equal(t, gokvm.Segment{Limit: 0x67, Selector: 0x20, Typ: 11, Present: 1}, s.Task)

	table := memory(t, r, s.GDT, uint64(s.GDTLimit)+1)
	want := []uint64{0, 0, 0x00cf9b000000ffff, 0x00cf93000000ffff, 0x00008b0000000067, 0}
	if s.Mode == Long64 {
		want[2] = 0x00af9b000000ffff
	}
	for i, d := range want {
		require.Equal(t, d, binary.LittleEndian.Uint64(table[i*8:]), "descriptor %d", i)
	}
	require.Len(t, table, len(want)*8)
}

// ranges reads the ranges of a memory map with so many bytes an entry.
func ranges(t *testing.T, b []byte, count, entry int) []memRange {
	t.Helper()
	var m []memRange
	for i := range count {
		e := b[i*entry:]
		require.EqualValues(t, 1, binary.LittleEndian.Uint32(e[16:]), "type of range %d", i)
		m = append(m, memRange{binary.LittleEndian.Uint64(e), binary.LittleEndian.Uint64(e[8:])})
	}
	return m
}

func TestPVH(t *testing.T) {
	kernel, initrd := vmlinux().bytes(), filler(3*page+5, 9)
	for _, tt := range sizes {
		for _, share := range []bool{false, true} {
			t.Run(fmt.Sprintf("size=%dKiB/share=%v", tt.size>>10, share), func(t *testing.T) {
				r := newRAM(t, tt.size)
				s, err := Load(r, Config{Kernel: fileOf(t, kernel), Initrd: fileOf(t, initrd), Cmdline: cmdline, RSDP: rsdp, Share: share})
				require.NoError(t, err)
				touched, err := r.Resident()
				require.NoError(t, err)

				require.Equal(t, Protected32, s.Mode)
				require.EqualValues(t, pvhEntry, s.IP)
				require.Zero(t, s.CR3)
				checkStart(t, r, s)

				info := memory(t, r, s.Arg, 56)
				u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(info[at:]) }
				u64 := func(at int) uint64 { return binary.LittleEndian.Uint64(info[at:]) }
				require.EqualValues(t, 0x336ec578, u32(0), "magic")
				require.EqualValues(t, 1, u32(4), "version")
				require.Zero(t, u32(8), "flags")
				require.EqualValues(t, 1, u32(12), "modules")
				require.EqualValues(t, rsdp, u64(32))
				require.EqualValues(t, len(tt.e820), u32(48))
				require.Equal(t, tt.e820, ranges(t, memory(t, r, u64(40), 24*uint64(len(tt.e820))), len(tt.e820), 24))
				require.Equal(t, cmdline+"\x00", string(memory(t, r, u64(24), uint64(len(cmdline))+1)))

				module := memory(t, r, u64(16), 32)
				at := binary.LittleEndian.Uint64(module)
				require.Equal(t, tt.low-4*page, at, "the initrd is as high as it fits")
				require.EqualValues(t, len(initrd), binary.LittleEndian.Uint64(module[8:]))
				require.True(t, bytes.Equal(initrd, memory(t, r, at, uint64(len(initrd)))))
				checkVmlinux(t, r)

				// The page of small things is always written, with its structures' exact sizes.
				small := uint64(6*8 + 56 + 32 + 24*len(tt.e820) + len(cmdline) + 1)
				all := uint64(textSize + dataSize + extraSize + len(initrd))
				require.Equal(t, small+all, s.Copied)
				if share {
					require.Zero(t, r.Private())
					require.EqualValues(t, (1+6+5+2+4)*page, touched)
				} else {
					require.EqualValues(t, tt.huge, r.Private())
					require.EqualValues(t, 1*page, touched, "of small things")
				}
			})
		}
	}
}

// checkVmlinux checks the segments of vmlinux in guest memory, and the zeros around them.
func checkVmlinux(t *testing.T, r *ram.RAM) {
	t.Helper()
	zeros := func(addr, n uint64) {
		require.Zero(t, len(bytes.Trim(memory(t, r, addr, n), "\x00")), "%#x bytes at %#x are not all zero", n, addr)
	}
	for _, p := range []struct {
		addr uint64
		part part
	}{{textAddr, vmlinux().parts[0]}, {dataAddr, vmlinux().parts[1]}, {extraAddr, vmlinux().parts[2]}} {
		n := uint64(len(p.part.data))
		require.True(t, bytes.Equal(p.part.data, memory(t, r, p.addr, n)), "segment at %#x", p.addr)
		zeros(p.addr-p.addr%page, p.addr%page)
		zeros(p.addr+n, 3*page-(p.addr+n)%page)
	}
}

func TestBzImage(t *testing.T) {
	image, initrd := bz(), filler(2*page+5, 9)
	for _, tt := range sizes {
		for _, share := range []bool{false, true} {
			t.Run(fmt.Sprintf("size=%dKiB/share=%v", tt.size>>10, share), func(t *testing.T) {
				r := newRAM(t, tt.size)
				s, err := Load(r, Config{Kernel: fileOf(t, image.bytes()), Initrd: fileOf(t, initrd), Cmdline: cmdline, RSDP: rsdp, Share: share})
				require.NoError(t, err)
				touched, err := r.Resident()
				require.NoError(t, err)

				require.Equal(t, Long64, s.Mode)
				require.EqualValues(t, bzLoad+0x200, s.IP)
				checkStart(t, r, s)
				require.True(t, bytes.Equal(image.code, memory(t, r, bzLoad, uint64(len(image.code)))))
				require.Zero(t, memory(t, r, bzLoad+uint64(len(image.code)), 1)[0], "the signature is not loaded")

				params := memory(t, r, s.Arg, 4096)
				u32 := func(at int) uint32 { return binary.LittleEndian.Uint32(params[at:]) }
				require.EqualValues(t, len(tt.e820), params[0x1e8])
				require.Equal(t, tt.e820, ranges(t, params[0x2d0:], len(tt.e820), 20))
				require.EqualValues(t, rsdp, binary.LittleEndian.Uint64(params[0x70:]))
				at := uint64(u32(0x218))
				top := min(tt.low, 0x8000_0000)
				require.Equal(t, top-3*page, at)
				require.EqualValues(t, len(initrd), u32(0x21c))
				require.True(t, bytes.Equal(initrd, memory(t, r, at, uint64(len(initrd)))))
				require.Equal(t, cmdline+"\x00", string(memory(t, r, uint64(u32(0x228)), uint64(len(cmdline))+1)))

				// But for these fields the header is the file's, and all else is zero.
				want := make([]byte, 4096)
				copy(want[0x1f1:], image.header[0x1f1:])
				want[0x1e8] = byte(len(tt.e820))
				want[0x210] = 0xff                                      // type_of_loader
				want[0x211] = 0x81                                      // loadflags: CAN_USE_HEAP
				binary.LittleEndian.PutUint32(want[0x214:], bzLoad)     // code32_start
				binary.LittleEndian.PutUint16(want[0x224:], 0xfe00)     // heap_end_ptr
				binary.LittleEndian.PutUint64(want[0x250:], 0)          // setup_data
				copy(want[0x218:0x220], params[0x218:])                 // ramdisk
				copy(want[0x228:0x22c], params[0x228:])                 // cmd_line_ptr
				copy(want[0x70:0x78], params[0x70:])                    // acpi_rsdp_addr
				copy(want[0x2d0:0x2d0+20*len(tt.e820)], params[0x2d0:]) // e820
				require.Equal(t, want, params)

				require.EqualValues(t, 3*page, identityTables(t, r, s.CR3), "of tables")
				code := uint64(len(image.code)+page-1) / page
				if share {
					require.Equal(t, (1+1+3+code+3)*page, touched)
				} else {
					want := uint64(1+1+3) * page // the rest is private
					if top < tt.low {
						want += 3 * page // but for an initrd that cannot be at the end of memory
					}
					require.Equal(t, want, touched)
				}
			})
		}
	}
}

// identityTables walks the page tables at root, checks that they map the first GiB one to one
// and nothing else, and returns how many bytes they have.
func identityTables(t *testing.T, r *ram.RAM, root uint64) uint64 {
	t.Helper()
	table := func(addr uint64) (entries [512]uint64) {
		_, err := binary.Decode(memory(t, r, addr, 4096), binary.LittleEndian, &entries)
		require.NoError(t, err)
		return entries
	}
	next := func(entries [512]uint64) uint64 {
		require.EqualValues(t, 3, entries[0]&0xfff)
		require.Zero(t, [511]uint64(entries[1:]))
		return entries[0] &^ 0xfff
	}
	for i, e := range table(next(table(next(table(root))))) {
		require.EqualValues(t, i<<21|0x83, e)
	}
	return 3 * page
}

func TestWithoutInitrd(t *testing.T) {
	for name, kernel := range map[string][]byte{"elf": vmlinux().bytes(), "bzImage": bz().bytes()} {
		t.Run(name, func(t *testing.T) {
			r := newRAM(t, 64*mib)
			s, err := Load(r, Config{Kernel: fileOf(t, kernel)})
			require.NoError(t, err)
			if s.Mode == Long64 {
				require.Zero(t, [8]byte(memory(t, r, s.Arg+0x218, 8)), "ramdisk")
				require.Zero(t, [8]byte(memory(t, r, s.Arg+0x70, 8)), "rsdp")
			} else {
				info := memory(t, r, s.Arg, 56)
				require.Zero(t, [12]byte(info[12:24]), "modules")
				require.Zero(t, [8]byte(info[32:40]), "rsdp")
			}
			require.Zero(t, memory(t, r, cmdlineAddr, 1)[0], "an empty command line ends at once")
		})
	}
}

// TestZeros: pages that a file holds as zeros, as some kernels' files do their .bss,
// are not written where all is copied.
func TestZeros(t *testing.T) {
	kernel := vmlinux()
	text, data := kernel.parts[0].data, kernel.parts[1].data
	clear(text[page : 3*page])
	clear(data[0x800-1 : 0x800+page]) // begins in the midst of a page
	const size = 40*page + 5
	last := make([]byte, size)
	last[0], last[size-1] = 1, 1
	kernel.parts[2].data = last
	kernel.progs[0].Filesz, kernel.progs[0].Memsz = size, size

	r := newRAM(t, 64*mib)
	s, err := Load(r, Config{Kernel: fileOf(t, kernel.bytes()), Share: true})
	require.NoError(t, err)
	touched, err := r.Resident()
	require.NoError(t, err)
	const small = 1 // page of small things
	require.EqualValues(t, (small+(6-2)+(5-1)+2)*page, touched)
	require.LessOrEqual(t, s.Copied, touched)
	for _, p := range []struct {
		addr uint64
		data []byte
	}{{textAddr, text}, {dataAddr, data}, {extraAddr, last}} {
		require.True(t, bytes.Equal(p.data, memory(t, r, p.addr, uint64(len(p.data)))), "segment at %#x", p.addr)
	}
}
