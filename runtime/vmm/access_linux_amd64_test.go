// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/asmtest"
)

// TestPorts: each access reaches its device with port, size and value, and what the
// device answers reaches the guest; each is one exit.
func TestPorts(t *testing.T) {
	g := newGuest(t, 1)
	g.start32(new(asmtest.Program).
		EDX(0x110).EAX(0x44332211).Out8().Out16().Out32().
		EAX(0).In8().EDI(dataAddr).Store32().
		EAX(0).In16().EDI(dataAddr+4).Store32().
		In32().EDI(dataAddr+8).Store32().
		EDX(0x300).In32().EDI(dataAddr+12).Store32(). // nobody's
		Tell(toldPort, 'd').Spin())
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
	g.start32(new(asmtest.Program).Raw(0xfc). // cld
							EDX(0x120).ESI(dataAddr).ECX(8).Raw(0xf3, 0x6e).      // rep outsb
							EDX(0x130).ESI(dataAddr).ECX(2).Raw(0xf3, 0x6f).      // rep outsd
							EDX(0x140).EDI(dataAddr+16).ECX(3).Raw(0xf3, 0x6d).   // rep insd
							EDX(0x150).EDI(dataAddr+0x40).ECX(4).Raw(0xf3, 0x6c). // rep insb
							Tell(toldPort, 'd').Spin())
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
	g.start64(new(asmtest.Program).
		EDI(mmioBase+0x20).EAX(0x44332211).Store8().Store16().Store32().
		Raw(0x48).Store32(). // mov [rdi], rax
		EAX(0).Load8().EDI(dataAddr).Store32().
		EDI(mmioBase+0x30).EAX(0).Load16().EDI(dataAddr+4).Store32().
		EDI(mmioBase+0x40).Raw(0x48).Load32().EDI(dataAddr+8).Raw(0x48).Store32().
		EDI(mmioBase+mmioSize).Load32().EDI(dataAddr+16).Store32(). // nobody's
		Tell(toldPort, 'd').Spin())
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
		g.start32(new(asmtest.Program).Raw(0x89, 0xd8). // mov eax, ebx
								EDI(dataAddr).Store32().Tell(toldPort, 'd').Spin())
		g.hears('d')
		require.EqualValues(t, 0x1234_5678, g.word(dataAddr))
	})
	t.Run("64-bit", func(t *testing.T) {
		g := newGuest(t, 1)
		g.start64(new(asmtest.Program).Raw(0x89, 0xf0). // mov eax, esi
								EDI(dataAddr).Store32().Tell(toldPort, 'd').Spin())
		g.hears('d')
		require.EqualValues(t, 0x1234_5678, g.word(dataAddr))
	})
}
