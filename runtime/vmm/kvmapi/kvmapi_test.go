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

// newVCPU makes a VM with one vCPU, which are closed with the test.
func newVCPU(t *testing.T) (kvm, vm, vcpu int) {
	t.Helper()
	kvm, err := unix.Open("/dev/kvm", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Skipf("needs KVM: %v", err)
	}
	made := func(fd uintptr, err error) int {
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, unix.Close(int(fd))) })
		return int(fd)
	}
	made(uintptr(kvm), nil)
	for { // making a VM gives up on any signal, the Go runtime's own too
		fd, err := gokvm.CreateVM(uintptr(kvm))
		if err != unix.EINTR {
			vm = made(fd, err)
			break
		}
	}
	vcpu = made(gokvm.CreateVCPU(uintptr(vm), 0))
	return kvm, vm, vcpu
}
