// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// Registers of the interrupt controllers (Intel SDM vol. 3 §11.4.1; 82093AA §3.1).
const (
	lapicEOI      = 0xfee0_00b0
	lapicSpurious = 0xfee0_00f0
	lapicICRLow   = 0xfee0_0300
	lapicICRHigh  = 0xfee0_0310
	ioapicSelect  = 0xfec0_0000
	ioapicWindow  = 0xfec0_0010

	handlerAddr = 0x2000
	gdtAddr     = 0x3000
	idtAddr     = 0x3800
	vector      = 0x41
	testGSI     = 5
)

// interruptible begins a 64-bit program: its interrupts of number vector tell 'i',
// and testGSI is wired to it. It has told 'r' when that is so; interrupts are off.
func (g *guest) interruptible() *asm {
	g.put(gdtAddr+codeSelector, 0x00af_9b00_0000_ffff)
	g.put(gdtAddr+dataSelector, 0x00cf_9300_0000_ffff)
	const interruptGate = 0x8e
	g.put(idtAddr+16*vector, handlerAddr|codeSelector<<16|interruptGate<<40)
	// The operands of lgdt and lidt: limit, then base.
	operand := func(addr uint64, limit uint16, base uint64) {
		binary.LittleEndian.PutUint16(g.mem[addr:], limit)
		g.put(addr+2, base)
	}
	operand(dataAddr+0x100, 0x1f, gdtAddr)
	operand(dataAddr+0x110, 16*(vector+1)-1, idtAddr)
	copy(g.mem[handlerAddr:], new(asm).
		tell(toldPort, 'i').poke(lapicEOI, 0).raw(0x48, 0xcf). // iretq
		code)
	return new(asm).esp(stackAddr).
		edi(dataAddr+0x100).raw(0x0f, 0x01, 0x17). // lgdt [rdi]
		edi(dataAddr+0x110).raw(0x0f, 0x01, 0x1f). // lidt [rdi]
		poke(lapicSpurious, 0x1ff).
		poke(ioapicSelect, 0x10+2*testGSI).poke(ioapicWindow, vector).
		poke(ioapicSelect, 0x11+2*testGSI).poke(ioapicWindow, 0).
		tell(toldPort, 'r')
}

// idle waits for interrupts for ever.
func (a *asm) idle() *asm {
	a.sti()
	top := a.here()
	return a.hlt().back(jmp, top)
}

// TestIRQ: a write to the eventfd interrupts a guest that is halted, without an exit.
func TestIRQ(t *testing.T) {
	g := newGuest(t, 1)
	fd, err := g.vm.IRQ(testGSI)
	require.NoError(t, err)
	g.start64(g.interruptible().idle())
	g.hears('r')
	const times = 50
	for range times {
		signal(t, fd)
		g.hears('i')
	}
	require.Equal(t, map[string]uint64{"port_write": times + 1}, g.exits())

	// The same by hand: the edge counts.
	for _, level := range []uint32{1, 0, 1} {
		require.NoError(t, kvmapi.SetIRQLine(g.vm.fd, testGSI, level))
		if level == 1 {
			g.hears('i')
		}
	}
	require.Empty(t, g.told)
}

func TestIRQRange(t *testing.T) {
	g := newGuest(t, 1)
	for _, gsi := range []uint32{0, ioapicPins, 1 << 31} {
		_, err := g.vm.IRQ(gsi)
		require.ErrorIs(t, err, errdefs.ErrInvalid)
	}
	for gsi := uint32(1); gsi < ioapicPins; gsi++ {
		_, err := g.vm.IRQ(gsi)
		require.NoError(t, err)
	}
	const twice = mmioBase + 0x50
	_, err := g.vm.Notify(twice, 4, 1)
	require.NoError(t, err)
	_, err = g.vm.Notify(twice, 4, 1)
	require.ErrorIs(t, err, unix.EEXIST)
	_, err = g.vm.Notify(twice, 3, 1)
	require.ErrorIs(t, err, unix.EINVAL)
}

func TestMSI(t *testing.T) {
	g := newGuest(t, 1)
	g.start64(g.interruptible().idle())
	g.hears('r')
	for range 10 {
		taken, err := kvmapi.SignalMSI(g.vm.fd, 0xfee0_0000, vector)
		require.NoError(t, err)
		require.True(t, taken)
		g.hears('i')
	}
	taken, _ := kvmapi.SignalMSI(g.vm.fd, 0xfee0_7000, vector) // to APIC 7, which is not there
	require.False(t, taken)

	// The same by an interrupt number that leads to a message.
	const gsi = 30
	require.NoError(t, kvmapi.SetRoutes(g.vm.fd, []kvmapi.Route{
		kvmapi.RouteToChip(testGSI, kvmapi.IOAPIC, testGSI),
		kvmapi.RouteToMSI(gsi, 0xfee0_0000, vector),
	}))
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(fd)
	require.NoError(t, kvmapi.AssignIRQ(g.vm.fd, fd, gsi))
	signal(t, fd)
	g.hears('i')
	require.NoError(t, kvmapi.DeassignIRQ(g.vm.fd, fd, gsi))
	signal(t, fd)
	select {
	case <-g.told:
		require.Fail(t, "an interrupt came by an eventfd that was taken away")
	case <-time.After(20 * time.Millisecond):
	}
}

// TestNotify: the writes that were asked for signal the eventfd and do not exit; all
// others reach the bus.
func TestNotify(t *testing.T) {
	g := newGuest(t, 1)
	notify := [2]int{}
	for i := range notify {
		var err error
		notify[i], err = g.vm.Notify(mmioBase+0x50, 4, uint64(i))
		require.NoError(t, err)
	}
	const times = 100
	a := new(asm).ecx(times).edi(mmioBase + 0x50)
	top := a.here()
	a.eax(1).store32().raw(0xff, 0xc9).back(jnz, top) // dec ecx; jnz
	g.start32(a.poke(mmioBase+0x50, 0).poke(mmioBase+0x50, 2).poke(mmioBase+0x54, 0).
		edi(mmioBase+0x50).eax(1).store16().
		tell(toldPort, 'd').spin())
	g.hears('d')
	require.EqualValues(t, 1, count(t, notify[0]))
	require.EqualValues(t, times, count(t, notify[1]))
	require.Equal(t, []access{{true, 0x50, 2, 4}, {true, 0x54, 0, 4}, {true, 0x50, 1, 2}}, g.regs.accesses())
	require.Equal(t, map[string]uint64{"mmio_write": 3, "port_write": 1}, g.exits())
}

// signal adds 1 to an eventfd's counter.
func signal(t *testing.T, fd int) {
	t.Helper()
	_, err := unix.Write(fd, binary.NativeEndian.AppendUint64(nil, 1))
	require.NoError(t, err)
}

// count reads an eventfd's counter.
func count(t *testing.T, fd int) uint64 {
	t.Helper()
	var b [8]byte
	_, err := unix.Read(fd, b[:])
	if err == unix.EAGAIN {
		return 0
	}
	require.NoError(t, err)
	return binary.NativeEndian.Uint64(b[:])
}

// TestSMP starts other vCPUs as a kernel does: with INIT and start-up messages from
// the first one's local APIC (Intel SDM vol. 3 §9.4).
func TestSMP(t *testing.T) {
	t.Parallel()
	const cpus, page = 4, 0x9000
	g := newGuest(t, cpus)
	copy(g.mem[page:], []byte{ // in real mode
		0xb0, 'A', //             mov al, 'A'
		0xba, toldPort, 0x00, //  mov dx, toldPort
		0xee,       //            out dx, al
		0xfa, 0xf4, //            cli; hlt
	})
	a := new(asm).poke(lapicSpurious, 0x1ff)
	for id := uint32(1); id < cpus; id++ {
		a.poke(lapicICRHigh, id<<24).poke(lapicICRLow, 0x4500) // INIT
		a.poke(lapicICRHigh, id<<24).poke(lapicICRLow, 0x4600|page>>12)
	}
	g.start32(a.cli().hlt())
	for range cpus - 1 {
		g.hears('A')
	}
	require.Equal(t, map[string]uint64{"port_write": cpus - 1}, g.exits())
	g.ends(Halted)
	require.Len(t, g.vm.VCPUTimes(), cpus)
	for id, took := range g.vm.VCPUTimes() {
		require.Positive(t, took, "vCPU %d", id)
	}
}

// TestShowReadOnly: reads see what the host writes, without an exit; writes change
// nothing and exit, or signal an eventfd in the same page and in the next.
func TestShowReadOnly(t *testing.T) {
	g := newGuest(t, 1)
	const base = mmioBase + 0x10_0000
	page, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(page)) }) // after the VM's: see below
	require.NoError(t, g.mmio.Add(base, 0x2000, g.ports))
	require.NoError(t, g.vm.ShowReadOnly(base, page))
	require.ErrorIs(t, g.vm.ShowReadOnly(base, page), unix.EEXIST)
	same, err := g.vm.Notify(base+0x50, 4, 0)
	require.NoError(t, err)
	next, err := g.vm.Notify(base+0x1050, 4, 0)
	require.NoError(t, err)

	value := rand.Uint32()
	binary.LittleEndian.PutUint32(page[0x10:], value)
	a := new(asm).ecx(10)
	top := a.here()
	a.edi(base+0x10).load32().edi(dataAddr).store32().raw(0xff, 0xc9).back(jnz, top)
	g.start32(a.poke(base+0x10, 7).poke(base+0x50, 0).poke(base+0x1050, 0).poke(base+0x1050, 0).
		edi(base+0x1010).load32().
		tell(toldPort, 'd').spin())
	g.hears('d')
	require.Equal(t, value, g.word(dataAddr))
	require.Equal(t, value, binary.LittleEndian.Uint32(page[0x10:]), "the guest's write has changed it")
	require.Equal(t, []access{{true, 0x10, 7, 4}, {false, 0x1010, 0x13121110, 4}}, g.ports.accesses())
	require.EqualValues(t, 1, count(t, same))
	require.EqualValues(t, 2, count(t, next))
	require.Equal(t, map[string]uint64{"mmio_write": 1, "mmio_read": 1, "port_write": 1}, g.exits())
	require.NoError(t, g.vm.Close())
}
