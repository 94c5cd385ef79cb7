// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"encoding/binary"
	"slices"
	"sync"
	"testing"
	"time"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/vmm/asmtest"
	"arcbox.dev/runtime/vmm/boot"
	"arcbox.dev/runtime/vmm/bus"
	"arcbox.dev/runtime/vmm/ram"
)

// Where things are in the guests' memory, and in their address space.
const (
	codeAddr  = 0x1000
	dataAddr  = 0x4000
	stackAddr = 0x8000
	memory    = 1 << 20

	toldPort = 0xe9 // what guests write there is a guest's told
	mmioBase = 0xd000_0000
	mmioSize = 0x1000

	// soon is how long anything may take here; most of it takes microseconds.
	soon = 10 * time.Second
)

// guest is a VM that runs a hand-made program.
type guest struct {
	t     *testing.T
	vm    *VM
	ram   *ram.RAM
	mem   []byte // guest memory from address 0
	pio   *bus.Bus
	mmio  *bus.Bus
	told  chan byte
	ports *recorder // the bus's remaining ports from 0x100 to 0x1ff
	regs  *recorder // mmioBase
}

// newGuest makes a VM with a number of vCPUs, which is closed with the test.
func newGuest(t *testing.T, cpus int) *guest {
	t.Helper()
	kvm, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("needs KVM: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Close(kvm)) })
	g := &guest{
		t: t, pio: bus.New(), mmio: bus.New(), told: make(chan byte, 1<<16),
		ports: new(recorder), regs: new(recorder),
	}
	g.ram, err = ram.New(memory)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.ram.Close()) })
	g.mem = g.ram.Regions()[0].Mem
	require.NoError(t, g.pio.Add(toldPort, 1, teller(g.told)))
	require.NoError(t, g.pio.Add(0x100, 0x100, g.ports))
	require.NoError(t, g.mmio.Add(mmioBase, mmioSize, g.regs))
	g.vm, err = New(Config{Device: kvm, CPUs: cpus, RAM: g.ram, PIO: g.pio, MMIO: g.mmio})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.vm.Close()) })
	return g
}

// start32 starts a program in flat 32-bit mode.
func (g *guest) start32(a *asmtest.Program) {
	g.t.Helper()
	copy(g.mem[codeAddr:], a.Code)
	require.NoError(g.t, g.vm.SetStart(startOf(boot.Protected32)))
	require.NoError(g.t, g.vm.Start())
}

// start64 starts a program in 64-bit mode, with memory and MMIO where they are
// physically.
func (g *guest) start64(a *asmtest.Program) {
	g.t.Helper()
	const pml4, pdpt, low, high = 0x1_0000, 0x1_1000, 0x1_2000, 0x1_3000
	const table, page, uncached = 3, 0x83, 0x9b
	g.put(pml4, pdpt|table)
	g.put(pdpt, low|table)
	g.put(pdpt+3*8, high|table)
	for i := uint64(0); i < 512; i++ {
		g.put(low+8*i, i<<21|page)
		g.put(high+8*i, 3<<30+i<<21|uncached)
	}
	copy(g.mem[codeAddr:], a.Code)
	start := startOf(boot.Long64)
	start.CR3 = pml4
	require.NoError(g.t, g.vm.SetStart(start))
	require.NoError(g.t, g.vm.Start())
}

// Selectors of the guests' segments.
const (
	codeSelector = 0x10
	dataSelector = 0x18
)

// startOf enters a program with flat segments.
func startOf(mode boot.Mode) boot.Start {
	const limit, data, code, tss = 1<<32 - 1, 3, 11, 11
	s := boot.Start{
		Mode: mode, IP: codeAddr, Arg: 0x1234_5678,
		Code: gokvm.Segment{Limit: limit, Selector: codeSelector, Typ: code, Present: 1, S: 1, DB: 1, G: 1},
		Data: gokvm.Segment{Limit: limit, Selector: dataSelector, Typ: data, Present: 1, S: 1, DB: 1, G: 1},
		Task: gokvm.Segment{Limit: 0x67, Typ: tss, Present: 1},
	}
	if mode == boot.Long64 {
		s.Code.DB, s.Code.L = 0, 1
	}
	return s
}

func (g *guest) put(addr, v uint64) { binary.LittleEndian.PutUint64(g.mem[addr:], v) }

// word reads guest memory that the guest may write to meanwhile.
func (g *guest) word(addr uint64) uint32 {
	w, err := g.ram.Memory().Atomic32(addr)
	require.NoError(g.t, err)
	return w.Load()
}

// hears wants the guest to tell this next.
func (g *guest) hears(want byte) {
	g.t.Helper()
	select {
	case got := <-g.told:
		require.Equal(g.t, string(want), string(got))
	case <-g.vm.Done():
		reason, detail := g.vm.Reason()
		require.Failf(g.t, "the VM has ended", "%s: %s", reason, detail)
	case <-time.After(soon):
		require.Failf(g.t, "the guest says nothing", "want %q", want)
	}
}

// ends wants the VM to end for that reason, and returns the detail.
func (g *guest) ends(want Reason) string {
	g.t.Helper()
	select {
	case <-g.vm.Done():
	case <-time.After(soon):
		require.Fail(g.t, "the VM goes on")
	}
	reason, detail := g.vm.Reason()
	require.Equal(g.t, want, reason, detail)
	return detail
}

// exits are those of the guest's own making.
func (g *guest) exits() map[string]uint64 {
	all := g.vm.Exits()
	delete(all, exitNames[exitInterrupted])
	return all
}

// teller passes on the bytes that guests write.
type teller chan byte

func (c teller) Read(_ uint64, p []byte)  { clear(p) }
func (c teller) Write(_ uint64, p []byte) { c <- p[0] }

// access is one that a device has seen.
type access struct {
	write bool
	off   uint64
	value uint64
	size  int
}

// recorder is a device that notes all accesses. Its registers hold their own offset,
// in the low byte of each address.
type recorder struct {
	mu   sync.Mutex
	seen []access
}

func (r *recorder) Read(off uint64, p []byte) {
	for i := range p {
		p[i] = byte(off) + byte(i)
	}
	r.note(false, off, p)
}

func (r *recorder) Write(off uint64, p []byte) { r.note(true, off, p) }

func (r *recorder) note(write bool, off uint64, p []byte) {
	var b [8]byte
	copy(b[:], p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen = append(r.seen, access{write, off, binary.LittleEndian.Uint64(b[:]), len(p)})
}

func (r *recorder) accesses() []access {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.seen)
}

// hook is a device whose accesses the test answers itself.
type hook struct {
	read, write func(off uint64, p []byte)
}

func (h hook) Read(off uint64, p []byte)  { h.read(off, p) }
func (h hook) Write(off uint64, p []byte) { h.write(off, p) }
