// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"encoding/binary"
	"log/slog"
	"testing"
	"time"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/hypervisor/console"
	"arcbox.dev/runtime/hypervisor/life"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/vmm"
	"arcbox.dev/runtime/vmm/asmtest"
	"arcbox.dev/runtime/vmm/boot"
	"arcbox.dev/runtime/vmm/bus"
	"arcbox.dev/runtime/vmm/ram"
)

// Where things are in the guest's memory, which is mapped one to one.
const (
	ring3Memory     = 1 << 20
	ring3Code       = 0x1000
	ring3Kernel     = 0x2000 // enters ring 3
	ring3Gate       = 0x2800 // takes interrupts
	ring3GDT        = 0x3000
	ring3IDT        = 0x3800
	ring3IDTR       = 0x3f00 // the operand that loads it
	ring3Task       = 0x4000 // the TSS
	ring3Interrupts = 0x5000 // how many were taken
	ring3Stack      = 0x6000 // the end of ring 0's
	ring3Tables     = 0x1_0000
	ring3Vector     = 0x41

	// reportAddr is a register of the test's own: what is written there is a
	// ring3Guest's reports.
	reportAddr = devicesAddr + 1<<20
)

// ring3Guest is a VM with devices, wired as the driver wires them, whose guest runs in
// ring 3 of 64-bit mode: natively, also where KVM interprets kernel code. In ring 0
// are the way there, and the handler of the first device's interrupt.
type ring3Guest struct {
	*machine
	t       *testing.T
	mem     []byte
	bus     *bus.Bus
	reports reporter
}

func newRing3Guest(t *testing.T) *ring3Guest {
	t.Helper()
	device, err := openDevice(DefaultDevice)
	if err != nil {
		t.Skipf("needs KVM: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Close(device)) })
	g := &ring3Guest{
		machine: &machine{Vsock: life.Vsock{Life: life.New()}, log: slog.New(slog.DiscardHandler), console: console.New()},
		t:       t, bus: bus.New(), reports: make(reporter, 1),
	}
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	g.ram, err = ram.New(ring3Memory)
	require.NoError(t, err)
	g.mem = g.ram.Regions()[0].Mem
	g.vm, err = vmm.New(vmm.Config{Device: device, CPUs: 1, RAM: g.ram, PIO: bus.New(), MMIO: g.bus})
	require.NoError(t, err)
	require.NoError(t, g.bus.Add(reportAddr, 4, g.reports))
	return g
}

// add attaches a device.
func (g *ring3Guest) add(name string, d virtio.Device) *slot {
	g.t.Helper()
	require.NoError(g.t, g.attach(g.bus, name, d))
	s := g.slots[len(g.slots)-1]
	require.NotNil(g.t, s.mirror, "this KVM has no read-only guest memory")
	return s
}

// run starts a program, and returns what it reports.
func (g *ring3Guest) run(a *asmtest.Program) uint32 {
	g.t.Helper()
	require.Equal(g.t, len(a.Code), copy(g.mem[ring3Code:ring3Kernel], a.Code), "the program is too long")
	g.writeKernel()
	g.writeTables()
	const limit, data, code, tss = 1<<32 - 1, 3, 11, 11
	require.NoError(g.t, g.vm.SetStart(boot.Start{
		Mode: boot.Long64, IP: ring3Kernel, CR3: ring3Tables, GDT: ring3GDT, GDTLimit: 6*8 - 1,
		Code: gokvm.Segment{Limit: limit, Selector: kernelCode, Typ: code, Present: 1, S: 1, L: 1, G: 1},
		Data: gokvm.Segment{Limit: limit, Selector: kernelData, Typ: data, Present: 1, S: 1, DB: 1, G: 1},
		Task: gokvm.Segment{Base: ring3Task, Limit: 0x67, Typ: tss, Present: 1},
	}))
	require.NoError(g.t, g.vm.Start())
	select {
	case report := <-g.reports:
		return report
	case <-g.vm.Done():
		reason, detail := g.vm.Reason()
		require.Failf(g.t, "the VM has ended", "%s: %s", reason, detail)
	case <-time.After(30 * time.Second):
		require.Failf(g.t, "the guest reports nothing", "exits: %v", g.exits())
	}
	return 0
}

// Selectors of the segments.
const (
	kernelCode = 2 << 3
	kernelData = 3 << 3
	userData   = 4<<3 | 3
	userCode   = 5<<3 | 3
)

// writeKernel writes what runs in ring 0: the way into ring 3, and a handler that
// counts the first device's interrupts.
func (g *ring3Guest) writeKernel() {
	g.put(ring3GDT+kernelCode, 0x00af_9b00_0000_ffff)
	g.put(ring3GDT+kernelData, 0x00cf_9300_0000_ffff)
	g.put(ring3GDT+userData&^3, 0x00cf_f300_0000_ffff)
	g.put(ring3GDT+userCode&^3, 0x00af_fb00_0000_ffff)
	g.put(ring3Task+4, ring3Stack) // RSP0
	asmtest.PutGate(g.mem[ring3IDT+asmtest.GateSize*ring3Vector:], ring3Gate, kernelCode)
	asmtest.PutTable(g.mem[ring3IDTR:], asmtest.GateSize*(ring3Vector+1), ring3IDT)
	const pushImmediate, interruptsOn = 0x68, 1 << 9
	copy(g.mem[ring3Kernel:], new(asmtest.Program).ESP(ring3Stack).
		LIDT(ring3IDTR).Route(g.slots[0].gsi, ring3Vector).
		Imm(pushImmediate, userData).Imm(pushImmediate, 0).Imm(pushImmediate, interruptsOn).
		Imm(pushImmediate, userCode).Imm(pushImmediate, ring3Code).IRET64().Code)
	copy(g.mem[ring3Gate:], new(asmtest.Program).
		Raw(0x50, 0x57).                           // push rax; push rdi
		EDI(ring3Interrupts).Raw(0xff, 0x07).      // inc dword [rdi]
		Poke(asmtest.LAPICEOI, 0).Raw(0x5f, 0x58). // pop rdi; pop rax
		IRET64().Code)
}

// writeTables maps the first 2 MiB and those of the devices' registers for ring 3, and
// those of the interrupt controllers for ring 0.
func (g *ring3Guest) writeTables() {
	const pdpt, low, high = ring3Tables + 0x1000, ring3Tables + 0x2000, ring3Tables + 0x3000
	const present, writable, user, large = 1 << 0, 1 << 1, 1 << 2, 1 << 7 // Intel SDM vol. 3 §4.5.4
	const table, page, largePage = present | writable | user, present | writable | large, 2 << 20
	g.put(ring3Tables, pdpt|table)
	g.put(pdpt, low|table)
	g.put(pdpt+8*(devicesAddr>>30), high|table)
	g.put(low, page|user)
	show := func(addr, flags uint64) { g.put(high+8*(addr/largePage%512), addr&^(largePage-1)|flags) }
	show(devicesAddr, page|user)
	show(asmtest.IOAPICSelect, page)
	show(asmtest.LAPICEOI, page)
}

func (g *ring3Guest) put(addr, v uint64) { binary.LittleEndian.PutUint64(g.mem[addr:], v) }

// exits are those of the guest's own making.
func (g *ring3Guest) exits() map[string]uint64 {
	all := g.vm.Exits()
	delete(all, "interrupted")
	return all
}

// reporter passes on the 32-bit values that a guest writes.
type reporter chan uint32

func (r reporter) Read(_ uint64, p []byte)  { clear(p) }
func (r reporter) Write(_ uint64, p []byte) { r <- binary.LittleEndian.Uint32(p) }
