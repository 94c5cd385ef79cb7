// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	"reflect"
	"testing"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestSizes: a request's number holds the size of its struct, so that gokvm's
// structs must have the kernel's sizes (arch/x86/include/uapi/asm/kvm.h).
func TestSizes(t *testing.T) {
	tests := []struct {
		value any
		want  uintptr
	}{
		{gokvm.Regs{}, 144},
		{gokvm.Sregs{}, 312},
		{gokvm.UserspaceMemoryRegion{}, 32},
		{gokvm.DirtyLog{}, 16},
		{gokvm.LAPICState{}, 0x400},
		{gokvm.MPState{}, 4},
		{gokvm.VCPUEvents{}, 64},
		{gokvm.DebugRegs{}, 128},
		{gokvm.XCRS{}, 392},
		{gokvm.ClockData{}, 48},
		{gokvm.IRQChip{}, 520},
		{gokvm.PITState2{}, 112},
		{gokvm.CPUIDEntry2{}, 40},
		{gokvm.MSREntry{}, 16},
		{list[gokvm.CPUIDEntry2]{}, headSize + maxEntries*40},
		{list[gokvm.MSREntry]{}, headSize + maxEntries*16},
		{list[Route]{}, headSize + maxEntries*48},
		{FPU{}, 416},
		{Route{}, 48},
		{irqfd{}, 32},
		{ioeventfd{}, 64},
		{msi{}, 32},
		{pitConfig{}, 64},
		{enableCap{}, 104},
		{clearDirtyLog{}, 24},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, reflect.TypeOf(tt.value).Size(), "%T", tt.value)
	}
}

func TestRegisters(t *testing.T) {
	_, _, vcpu := newVCPU(t)
	want := gokvm.Regs{RAX: 1, RBX: 2, R15: 3, RIP: 0x1000, RFLAGS: 2}
	require.NoError(t, SetRegs(vcpu, &want))
	var got gokvm.Regs
	require.NoError(t, GetRegs(vcpu, &got))
	require.Equal(t, want, got)

	var sregs, again gokvm.Sregs
	require.NoError(t, GetSregs(vcpu, &sregs))
	sregs.CR2 = 0x5000
	sregs.FS.Base = 0x6000
	require.NoError(t, SetSregs(vcpu, &sregs))
	require.NoError(t, GetSregs(vcpu, &again))
	require.Equal(t, sregs, again)
}

// TestMovingStack reads registers into a struct on a new goroutine's stack at each
// depth, so that at some of them the call makes the stack move.
func TestMovingStack(t *testing.T) {
	_, _, vcpu := newVCPU(t)
	require.NoError(t, SetRegs(vcpu, &gokvm.Regs{RAX: 0x1234, RFLAGS: 2}))
	got := make(chan uint64)
	for depth := range 500 {
		go func() { got <- raxAtDepth(vcpu, depth) }()
		require.EqualValues(t, 0x1234, <-got, "depth %d", depth)
	}
}

//go:noinline
func raxAtDepth(vcpu, depth int) uint64 {
	if depth > 0 {
		return raxAtDepth(vcpu, depth-1)
	}
	var regs gokvm.Regs
	if err := GetRegs(vcpu, &regs); err != nil {
		return 0
	}
	return regs.RAX
}

func TestMapMemory(t *testing.T) {
	_, vm, _ := newVCPU(t)
	pages, err := unix.Mmap(-1, 0, 1<<16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(pages)) })

	require.NoError(t, MapMemory(vm, 0, 0, pages))
	tests := []struct {
		name      string
		slot      uint32
		guestAddr uint64
		memory    []byte
		want      error
	}{
		{"nothing", 0, 0, nil, unix.EINVAL},
		{"empty", 0, 0, pages[:0], unix.EINVAL},
		{"part of a page", 1, 1 << 20, pages[:100], unix.EINVAL},
		{"between pages", 1, 1<<20 + 1, pages, unix.EINVAL},
		{"overlap", 1, 1 << 12, pages, unix.EEXIST},
		{"beyond the address space", 1, 1<<64 - 1<<12, pages, unix.EINVAL},
		{"no such slot", 1 << 20, 1 << 20, pages, unix.EINVAL},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorIs(t, MapMemory(vm, tt.slot, tt.guestAddr, tt.memory), tt.want)
		})
	}
}

func TestRequestExit(t *testing.T) {
	kvm, _, vcpu := newVCPU(t)
	page, err := MapRunPage(kvm, vcpu)
	require.NoError(t, err)
	page.RequestExit()
	require.ErrorIs(t, Run(vcpu), unix.EINTR)
	require.ErrorIs(t, Run(vcpu), unix.EINTR)
	require.NoError(t, page.Unmap())
}

func TestWrongDescriptor(t *testing.T) {
	const none = -1
	require.ErrorIs(t, GetRegs(none, new(gokvm.Regs)), unix.EBADF)
	require.ErrorIs(t, SetSregs(none, new(gokvm.Sregs)), unix.EBADF)
	require.ErrorIs(t, Run(none), unix.EBADF)
	_, err := MapRunPage(none, none)
	require.ErrorIs(t, err, unix.EBADF)
}

func TestRequestWithdrawn(t *testing.T) {
	kvm, _, vcpu := newVCPU(t)
	page, err := MapRunPage(kvm, vcpu)
	require.NoError(t, err)
	require.False(t, page.ExitRequested())
	page.RequestExit()
	require.True(t, page.ExitRequested())
	require.ErrorIs(t, Run(vcpu), unix.EINTR)
	page.WithdrawExit()
	require.False(t, page.ExitRequested())
	// Without memory it does not get far, but it does get in.
	require.NotErrorIs(t, Run(vcpu), unix.EINTR)
	require.NoError(t, page.Unmap())
}

func TestExtensions(t *testing.T) {
	kvm, vm, _ := newVCPU(t)
	for _, fd := range []int{kvm, vm} {
		n, err := CheckExtension(fd, gokvm.CapUserMemory)
		require.NoError(t, err)
		require.Equal(t, 1, n)
		n, err = CheckExtension(fd, gokvm.CapS390GMap)
		require.NoError(t, err)
		require.Zero(t, n)
	}
}

func TestLists(t *testing.T) {
	kvm, _, vcpu := newVCPU(t)
	leaves, err := SupportedCPUID(kvm)
	require.NoError(t, err)
	require.NotEmpty(t, leaves)
	require.NoError(t, SetCPUID(vcpu, leaves))
	require.ErrorIs(t, SetCPUID(vcpu, make([]gokvm.CPUIDEntry2, maxEntries+1)), unix.E2BIG)

	indices, err := MSRs(kvm)
	require.NoError(t, err)
	require.Contains(t, indices, uint32(gokvm.MSRSTAR))
	const none = 0xdead_beef
	msrs := []gokvm.MSREntry{{Index: uint32(gokvm.MSRSTAR), Data: 0x1234 << 32}, {Index: none, Data: 5}}
	n, err := SetMSRs(vcpu, msrs)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	got := []gokvm.MSREntry{{Index: uint32(gokvm.MSRSTAR)}, {Index: none}}
	n, err = GetMSRs(vcpu, got)
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.EqualValues(t, 0x1234<<32, got[0].Data)
	require.Zero(t, got[1].Data)
	_, err = SetMSRs(vcpu, make([]gokvm.MSREntry, maxEntries+1))
	require.ErrorIs(t, err, unix.E2BIG)
}

// TestShortBuffers: what the kernel would write beyond is refused.
func TestShortBuffers(t *testing.T) {
	_, vm, vcpu := newVCPU(t)
	size, err := XSAVESize(vm)
	require.NoError(t, err)
	require.GreaterOrEqual(t, size, xsaveBase)
	require.ErrorIs(t, GetXSAVE(vcpu, make([]byte, xsaveBase-1)), unix.EINVAL)
	require.ErrorIs(t, SetXSAVE(vcpu, nil), unix.EINVAL)
	require.ErrorIs(t, DirtyLog(vm, 0, 65*4096, make([]uint64, 1)), unix.EINVAL)
	require.ErrorIs(t, DirtyLog(vm, 0, 0, nil), unix.EINVAL)
	require.ErrorIs(t, ClearDirtyLog(vm, 0, 0, 65, make([]uint64, 1)), unix.EINVAL)
	require.ErrorIs(t, ClearDirtyLog(vm, 0, 0, 0, nil), unix.EINVAL)
	require.ErrorIs(t, EnableCapability(vm, gokvm.CapUserMemory, 1, 2, 3, 4, 5), unix.E2BIG)
	require.Error(t, EnableCapability(vm, gokvm.CapUserMemory))
	require.Equal(t, 0, DirtyWords(0))
	require.Equal(t, 1, DirtyWords(64*4096))
	require.Equal(t, 2, DirtyWords(65*4096))
}

func TestUnmapMemory(t *testing.T) {
	_, vm, _ := newVCPU(t)
	pages, err := unix.Mmap(-1, 0, 1<<16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Munmap(pages)) })
	require.NoError(t, MapMemory(vm, 0, 0, pages))
	require.ErrorIs(t, MapMemory(vm, 1, 0, pages), unix.EEXIST)
	require.NoError(t, UnmapMemory(vm, 0))
	require.NoError(t, MapMemory(vm, 1, 0, pages))
}

// newVCPU makes a VM with one vCPU, which are closed with the test.
func newVCPU(t *testing.T) (kvm, vm, vcpu int) {
	t.Helper()
	kvm, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("needs KVM: %v", err)
	}
	made := func(fd int, err error) int {
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, unix.Close(fd)) })
		return fd
	}
	made(kvm, nil)
	vm = made(CreateVM(kvm))
	vcpu = made(CreateVCPU(vm, 0))
	return kvm, vm, vcpu
}
