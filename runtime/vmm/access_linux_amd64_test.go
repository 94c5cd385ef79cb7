// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPorts: each access reaches its device with port, size and value, and what the
// device answers reaches the guest; each is one exit.
func TestPorts(t *testing.T) {
	g := newGuest(t, 1)
	g.start32(new(asm).
		edx(0x110).eax(0x44332211).out8().out16().out32().
		eax(0).in8().edi(dataAddr).store32().
		eax(0).in16().edi(dataAddr+4).store32().
		in32().edi(dataAddr+8).store32().
		edx(0x300).in32().edi(dataAddr+12).store32(). // nobody's
		tell(toldPort, 'd').spin())
	g.hears('d')
	require.Equal(t, []access{
		{true, 0x10, 0x11, 1}, {true, 0x10, 0x2211, 2}, {true, 0x10, 0x44332211, 4},
		{false, 0x10, 0x10, 1}, {false, 0x10, 0x1110, 2}, {false, 0x10, 0x13121110, 4},
	}, g.ports.accesses())
	require.EqualValues(t, 0x10, g.word(dataAddr))
	require.EqualValues(t, 0x1110, g.word(dataAddr+4))
	require.EqualValues(t, 0x13121110, g.word(dataAddr+8))
	require.EqualValues(t, 0xffff_ffff, g.word(dataAddr+12))
	require.EqualValues(t, 1, g.pio.Unclaimed())
	require.Equal(t, map[string]uint64{"port_write": 4, "port_read": 4}, g.exits())
}

// TestStringPorts: the accesses of a string instruction come in order, one by one.
func TestStringPorts(t *testing.T) {
	g := newGuest(t, 1)
	copy(g.mem[dataAddr:], "abcdefgh")
	g.start32(new(asm).raw(0xfc). // cld
					edx(0x120).esi(dataAddr).ecx(8).raw(0xf3, 0x6e).      // rep outsb
					edx(0x130).esi(dataAddr).ecx(2).raw(0xf3, 0x6f).      // rep outsd
					edx(0x140).edi(dataAddr+16).ecx(3).raw(0xf3, 0x6d).   // rep insd
					edx(0x150).edi(dataAddr+0x40).ecx(4).raw(0xf3, 0x6c). // rep insb
					tell(toldPort, 'd').spin())
	g.hears('d')
	var want []access
	for _, c := range "abcdefgh" {
		want = append(want, access{true, 0x20, uint64(c), 1})
	}
	want = append(want, access{true, 0x30, 0x64636261, 4}, access{true, 0x30, 0x68676665, 4})
	got := g.ports.accesses()
	require.Equal(t, want, got[:len(want)])
	// KVM may read ahead of a guest that reads: what counts is what arrives there.
	for i := range uint64(3) {
		require.EqualValues(t, 0x43424140, g.word(dataAddr+16+4*i))
	}
	require.EqualValues(t, 0, g.word(dataAddr+28))
	require.EqualValues(t, 0x50505050, g.word(dataAddr+0x40))
	require.EqualValues(t, 0, g.word(dataAddr+0x44))
}

// TestMMIO does the same with addresses that are no memory.
func TestMMIO(t *testing.T) {
	g := newGuest(t, 1)
	g.start64(new(asm).
		edi(mmioBase+0x20).eax(0x44332211).store8().store16().store32().
		raw(0x48).store32(). // mov [rdi], rax
		eax(0).load8().edi(dataAddr).store32().
		edi(mmioBase+0x30).eax(0).load16().edi(dataAddr+4).store32().
		edi(mmioBase+0x40).raw(0x48).load32().edi(dataAddr+8).raw(0x48).store32().
		edi(mmioBase+mmioSize).load32().edi(dataAddr+16).store32(). // nobody's
		tell(toldPort, 'd').spin())
	g.hears('d')
	require.Equal(t, []access{
		{true, 0x20, 0x11, 1}, {true, 0x20, 0x2211, 2}, {true, 0x20, 0x44332211, 4}, {true, 0x20, 0x44332211, 8},
		{false, 0x20, 0x20, 1}, {false, 0x30, 0x3130, 2}, {false, 0x40, 0x4746454443424140, 8},
	}, g.regs.accesses())
	require.EqualValues(t, 0x20, g.word(dataAddr))
	require.EqualValues(t, 0x3130, g.word(dataAddr+4))
	require.EqualValues(t, 0x43424140, g.word(dataAddr+8))
	require.EqualValues(t, 0x47464544, g.word(dataAddr+12))
	require.EqualValues(t, 0xffff_ffff, g.word(dataAddr+16))
	require.EqualValues(t, 1, g.mmio.Unclaimed())
	require.Equal(t, map[string]uint64{"mmio_write": 4, "mmio_read": 4, "port_write": 1}, g.exits())
}

// TestStartRegisters: a kernel finds its boot information where its protocol says.
func TestStartRegisters(t *testing.T) {
	t.Run("PVH", func(t *testing.T) {
		g := newGuest(t, 1)
		g.start32(new(asm).raw(0x89, 0xd8). // mov eax, ebx
							edi(dataAddr).store32().tell(toldPort, 'd').spin())
		g.hears('d')
		require.EqualValues(t, 0x1234_5678, g.word(dataAddr))
	})
	t.Run("64-bit", func(t *testing.T) {
		g := newGuest(t, 1)
		g.start64(new(asm).raw(0x89, 0xf0). // mov eax, esi
							edi(dataAddr).store32().tell(toldPort, 'd').spin())
		g.hears('d')
		require.EqualValues(t, 0x1234_5678, g.word(dataAddr))
	})
}
