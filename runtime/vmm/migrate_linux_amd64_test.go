// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"math/rand/v2"
	"slices"
	"testing"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/asmtest"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// TestMove carries a VM that counts to a second one, which counts on.
func TestMove(t *testing.T) {
	from, to := newGuest(t, 1), newGuest(t, 1)
	from.start32(counting())
	from.counts()
	require.NoError(t, from.vm.Pause(t.Context()))
	left := from.word(dataAddr)
	copy(to.mem, from.mem)
	move(t, from.vm, to.vm)
	require.NoError(t, from.vm.Close())

	require.Equal(t, left, to.word(dataAddr))
	require.NoError(t, to.vm.Start())
	to.counts()
	require.Greater(t, to.word(dataAddr), left)
}

// move carries the state of a paused VM's first vCPU, by way of every ioctl for it.
func move(t *testing.T, from, to *VM) {
	t.Helper()
	a, b := from.cpus[0].fd, to.cpus[0].fd

	// Something to recognize in registers that the program does not use.
	var fpu, gotFPU kvmapi.FPU
	require.NoError(t, kvmapi.GetFPU(a, &fpu))
	for i := range fpu.XMM {
		fpu.XMM[i][i] = byte(rand.Uint32())
	}
	require.NoError(t, kvmapi.SetFPU(a, &fpu))
	var debug, gotDebug gokvm.DebugRegs
	require.NoError(t, kvmapi.GetDebugRegs(a, &debug))
	debug.DB[2] = uint64(rand.Uint32())
	require.NoError(t, kvmapi.SetDebugRegs(a, &debug))

	var sregs, gotSregs gokvm.Sregs
	require.NoError(t, kvmapi.GetSregs(a, &sregs))
	require.NoError(t, kvmapi.SetSregs(b, &sregs))
	require.NoError(t, kvmapi.GetSregs(b, &gotSregs))
	require.Equal(t, sregs, gotSregs)

	if n, err := gokvm.CheckExtension(uintptr(from.cfg.Device), gokvm.CapXCRS); err == nil && n > 0 {
		var xcrs gokvm.XCRS // a CPU without XSAVE has none
		require.NoError(t, kvmapi.GetXCRs(a, &xcrs))
		require.NoError(t, kvmapi.SetXCRs(b, &xcrs))
	}
	size, err := kvmapi.XSAVESize(from.fd)
	require.NoError(t, err)
	area := make([]byte, size)
	require.NoError(t, kvmapi.GetXSAVE(a, area))
	require.NoError(t, kvmapi.SetXSAVE(b, area))
	require.NoError(t, kvmapi.GetFPU(b, &gotFPU))
	require.Equal(t, fpu, gotFPU)

	indices, err := kvmapi.MSRs(from.cfg.Device)
	require.NoError(t, err)
	moved := 0
	for _, index := range indices {
		msr := []gokvm.MSREntry{{Index: index}}
		if n, err := kvmapi.GetMSRs(a, msr); err != nil || n == 0 {
			continue // listed, but not there: some are another vendor's
		}
		n, err := kvmapi.SetMSRs(b, msr)
		require.NoError(t, err)
		moved += n
	}
	require.Greater(t, moved, 10)
	misc := []gokvm.MSREntry{{Index: uint32(gokvm.MSRIA32MISCENABLE)}, {Index: uint32(gokvm.MSRMTRRdefType)}}
	n, err := kvmapi.GetMSRs(b, misc)
	require.NoError(t, err)
	require.Equal(t, 2, n)
	require.EqualValues(t, 1, misc[0].Data&1)
	require.EqualValues(t, 0x806, misc[1].Data)

	var lapic, gotLAPIC gokvm.LAPICState
	require.NoError(t, kvmapi.GetLAPIC(a, &lapic))
	require.NoError(t, kvmapi.SetLAPIC(b, &lapic))
	require.NoError(t, kvmapi.GetLAPIC(b, &gotLAPIC))
	require.Equal(t, lapic, gotLAPIC)

	state, err := kvmapi.GetMPState(a)
	require.NoError(t, err)
	require.Equal(t, gokvm.MPStateRunnable, state)
	require.NoError(t, kvmapi.SetMPState(b, state))
	var events gokvm.VCPUEvents
	require.NoError(t, kvmapi.GetEvents(a, &events))
	require.NoError(t, kvmapi.SetEvents(b, &events))
	require.NoError(t, kvmapi.SetDebugRegs(b, &debug))
	require.NoError(t, kvmapi.GetDebugRegs(b, &gotDebug))
	require.Equal(t, debug, gotDebug)

	var regs, gotRegs gokvm.Regs
	require.NoError(t, kvmapi.GetRegs(a, &regs))
	require.NoError(t, kvmapi.SetRegs(b, &regs))
	require.NoError(t, kvmapi.GetRegs(b, &gotRegs))
	require.Equal(t, regs, gotRegs)

	for id := range uint32(3) { // both PICs and the IOAPIC
		chip := gokvm.IRQChip{ChipID: id}
		require.NoError(t, kvmapi.GetIRQChip(from.fd, &chip))
		require.NoError(t, kvmapi.SetIRQChip(to.fd, &chip))
	}
	var pit gokvm.PITState2
	require.NoError(t, kvmapi.GetPIT2(from.fd, &pit))
	require.NoError(t, kvmapi.SetPIT2(to.fd, &pit))

	var clock, gotClock gokvm.ClockData
	require.NoError(t, kvmapi.GetClock(from.fd, &clock))
	clock.Clock += 1 << 40
	clock.Flags = 0
	require.NoError(t, kvmapi.SetClock(to.fd, &clock))
	require.NoError(t, kvmapi.GetClock(to.fd, &gotClock))
	require.GreaterOrEqual(t, gotClock.Clock, clock.Clock)
	kHz, err := kvmapi.GetTSCkHz(a)
	require.NoError(t, err)
	require.Positive(t, kHz)
	require.NoError(t, kvmapi.SetTSCkHz(b, kHz))
}

// TestDirtyLog: KVM notes the pages that the guest has written to since it was asked.
func TestDirtyLog(t *testing.T) {
	g := newGuest(t, 1)
	const slot = 0
	dirty := func() (pages []int) {
		bitmap := make([]uint64, kvmapi.DirtyWords(memory))
		require.NoError(t, kvmapi.DirtyLog(g.vm.fd, slot, memory, bitmap))
		for i := range memory / 4096 {
			if bitmap[i/64]>>(i%64)&1 == 1 {
				pages = append(pages, i)
			}
		}
		return pages
	}
	require.NoError(t, kvmapi.MapMemoryWith(g.vm.fd, slot, 0, g.mem, kvmapi.LogDirty))
	const gate = 0x200 // where the guest waits to be looked at
	asked, answer := make(chan struct{}), make(chan struct{})
	require.NoError(t, g.pio.Add(gate, 1, hook{read: func(uint64, []byte) {
		select {
		case asked <- struct{}{}:
			<-answer
		case <-t.Context().Done(): // the test has failed
		}
	}}))
	// In 32-bit mode without paging: no page tables in which the CPU sets bits.
	g.start32(new(asmtest.Program).
		Poke(0x2_0000, 1).Poke(0x7_0ffc, 1).Poke(0x7_1000, 1).EDX(gate).In8().
		Poke(0x7_0000, 1).EDX(gate).In8().
		Spin())
	defer close(answer)
	<-asked
	first := slices.DeleteFunc(dirty(), func(page int) bool { return page == gdtPage })
	require.Equal(t, []int{0x20, 0x70, 0x71}, first)
	answer <- struct{}{}
	<-asked
	require.Equal(t, []int{0x70}, dirty())
	answer <- struct{}{}
	require.Empty(t, dirty())
	require.Error(t, kvmapi.DirtyLog(g.vm.fd, slot, memory, nil))

	// Without the flag there is no log.
	require.NoError(t, kvmapi.MapMemoryWith(g.vm.fd, slot, 0, g.mem, 0))
	require.Error(t, kvmapi.DirtyLog(g.vm.fd, slot, memory, make([]uint64, kvmapi.DirtyWords(memory))))
}

// gdtPage is the page of the guest's segments. Where the CPU itself is emulated, it may
// set bits in them.
const gdtPage = 1

// TestManualDirtyLog: pages stay in the log until they are taken out of it.
func TestManualDirtyLog(t *testing.T) {
	g := newGuest(t, 1)
	if n, err := kvmapi.CheckExtension(g.vm.fd, gokvm.CapManualDirtyLogProtect2); err != nil || n == 0 {
		t.Skip("needs a KVM with KVM_CAP_MANUAL_DIRTY_LOG_PROTECT2 (Linux 5.1)")
	}
	require.NoError(t, kvmapi.ManualDirtyLog(g.vm.fd))
	require.NoError(t, kvmapi.MapMemoryWith(g.vm.fd, 0, 0, g.mem, kvmapi.LogDirty))
	g.start32(new(asmtest.Program).Poke(0x4_1000, 1).Poke(0x8_2000, 1).Tell(toldPort, 'd').CLI().HLT())
	g.hears('d')
	bitmap := make([]uint64, kvmapi.DirtyWords(memory))
	for range 2 {
		require.NoError(t, kvmapi.DirtyLog(g.vm.fd, 0, memory, bitmap))
		bitmap[0] &^= 1 << gdtPage // as in TestDirtyLog
		require.Equal(t, []uint64{0, 1 << 1, 1 << 2, 0}, bitmap)
	}
	require.NoError(t, kvmapi.ClearDirtyLog(g.vm.fd, 0, 64, 64, bitmap[1:2]))
	require.NoError(t, kvmapi.DirtyLog(g.vm.fd, 0, memory, bitmap))
	require.Equal(t, []uint64{0, 1 << 2, 0}, bitmap[1:])
}
