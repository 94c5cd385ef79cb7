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
	"arcbox.dev/runtime/vmm/asmtest"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// What takes interrupts, in guest memory.
const (
	handlerAddr = 0x2000
	gdtAddr     = 0x3000
	idtAddr     = 0x3800
	vector      = 0x41
	testGSI     = 5
)

// interruptible begins a 64-bit program: its interrupts of number vector tell 'i',
// and testGSI is wired to it. It has told 'r' when that is so; interrupts are off.
func (g *guest) interruptible() *asmtest.Program {
	g.put(gdtAddr+codeSelector, 0x00af_9b00_0000_ffff)
	g.put(gdtAddr+dataSelector, 0x00cf_9300_0000_ffff)
	asmtest.PutGate(g.mem[idtAddr+asmtest.GateSize*vector:], handlerAddr, codeSelector)
	const gdtOperand, idtOperand = dataAddr + 0x100, dataAddr + 0x110
	asmtest.PutTable(g.mem[gdtOperand:], dataSelector+8, gdtAddr)
	asmtest.PutTable(g.mem[idtOperand:], asmtest.GateSize*(vector+1), idtAddr)
	copy(g.mem[handlerAddr:], new(asmtest.Program).
		Tell(toldPort, 'i').Poke(asmtest.LAPICEOI, 0).IRET64().Code)
	return new(asmtest.Program).ESP(stackAddr).LGDT(gdtOperand).LIDT(idtOperand).
		Route(testGSI, vector).Tell(toldPort, 'r')
}

// idle has a program wait for interrupts for ever.
func idle(a *asmtest.Program) *asmtest.Program {
	a.STI()
	top := a.Here()
	return a.HLT().Back(asmtest.JMP, top)
}

// TestIRQ: a write to the eventfd interrupts a guest that is halted, without an exit.
func TestIRQ(t *testing.T) {
	g := newGuest(t, 1)
	fd, err := g.vm.IRQ(testGSI)
	require.NoError(t, err)
	g.start64(idle(g.interruptible()))
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
	g.start64(idle(g.interruptible()))
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
	a := new(asmtest.Program).ECX(times).EDI(mmioBase + 0x50)
	top := a.Here()
	a.EAX(1).Store32().Raw(0xff, 0xc9).Back(asmtest.JNZ, top) // dec ecx; jnz
	g.start32(a.Poke(mmioBase+0x50, 0).Poke(mmioBase+0x50, 2).Poke(mmioBase+0x54, 0).
		EDI(mmioBase+0x50).EAX(1).Store16().
		Tell(toldPort, 'd').Spin())
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
	a := new(asmtest.Program).Poke(asmtest.LAPICSpurious, asmtest.LAPICOn)
	for id := uint32(1); id < cpus; id++ {
		a.Poke(asmtest.LAPICICRHigh, id<<24).Poke(asmtest.LAPICICRLow, 0x4500) // INIT
		a.Poke(asmtest.LAPICICRHigh, id<<24).Poke(asmtest.LAPICICRLow, 0x4600|page>>12)
	}
	g.start32(a.CLI().HLT())
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
	a := new(asmtest.Program).ECX(10)
	top := a.Here()
	a.EDI(base+0x10).Load32().EDI(dataAddr).Store32().Raw(0xff, 0xc9).Back(asmtest.JNZ, top)
	g.start32(a.Poke(base+0x10, 7).Poke(base+0x50, 0).Poke(base+0x1050, 0).Poke(base+0x1050, 0).
		EDI(base+0x1010).Load32().
		Tell(toldPort, 'd').Spin())
	g.hears('d')
	require.Equal(t, value, g.word(dataAddr))
	require.Equal(t, value, binary.LittleEndian.Uint32(page[0x10:]), "the guest's write has changed it")
	require.Equal(t, []access{{true, 0x10, 7, 4}, {false, 0x1010, 0x13121110, 4}}, g.ports.accesses())
	require.EqualValues(t, 1, count(t, same))
	require.EqualValues(t, 2, count(t, next))
	require.Equal(t, map[string]uint64{"mmio_write": 1, "mmio_read": 1, "port_write": 1}, g.exits())
	require.NoError(t, g.vm.Close())
}
