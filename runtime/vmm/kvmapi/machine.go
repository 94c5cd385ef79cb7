// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	"errors"
	"fmt"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

const (
	nrSetIdentityMapAddr = 0x48
	nrCreatePIT2         = 0x77
	nrEnableCap          = 0xa3
)

// CreateVM makes a VM of the KVM device (KVM_CREATE_VM). The ioctl gives up on any
// signal, the Go runtime's own too, and is repeated then. The caller closes the
// descriptor.
func CreateVM(device int) (int, error) {
	for {
		fd, err := descriptor(gokvm.CreateVM(uintptr(device)))
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EBUSY):
			return -1, errdefs.New(errdefs.ErrUnavailable, "stop the other hypervisor (VirtualBox, VMware) first",
				"another hypervisor holds the CPU's virtualization: creating a VM: %w", err)
		case !errors.Is(err, unix.EINTR):
			return -1, fmt.Errorf("creating a VM: %w", err)
		}
	}
}

// CreateVCPU makes a VM's vCPU of that number (KVM_CREATE_VCPU), which is its APIC
// id. The caller closes the descriptor.
func CreateVCPU(vm, id int) (int, error) { return descriptor(gokvm.CreateVCPU(uintptr(vm), id)) }

// descriptor is what such an ioctl returned; a failed one gives -1.
func descriptor(fd uintptr, err error) (int, error) {
	if err != nil {
		return -1, err
	}
	return int(fd), nil
}

// CheckExtension asks the device or a VM for a capability (KVM_CHECK_EXTENSION): 0
// if it is not there, else 1 or more, which is up to the capability. A VM's answer
// can differ from the device's, and is the one that counts.
func CheckExtension(fd int, c gokvm.Capability) (int, error) {
	n, err := gokvm.CheckExtension(uintptr(fd), c)
	if err != nil {
		return 0, err
	}
	return int(n), nil
}

// enableCap is struct kvm_enable_cap.
type enableCap struct {
	capability uint32
	flags      uint32
	args       [4]uint64
	_          [64]byte
}

// EnableCapability turns on what a VM or vCPU does only if asked, with the arguments
// that the capability is documented to take (KVM_ENABLE_CAP).
func EnableCapability(fd int, c gokvm.Capability, args ...uint64) error {
	value := enableCap{capability: uint32(c)}
	if copy(value.args[:], args) < len(args) {
		return unix.E2BIG
	}
	return write(fd, nrEnableCap, &value)
}

// SetIdentityMapAddr says where in the guest's address space Intel CPUs without
// "unrestricted guest" have one page to themselves (KVM_SET_IDENTITY_MAP_ADDR).
// The VM must not have vCPUs yet.
func SetIdentityMapAddr(vm int, addr uint64) error { return write(vm, nrSetIdentityMapAddr, &addr) }

// pitConfig is struct kvm_pit_config.
type pitConfig struct {
	flags uint32
	_     [15]uint32
}

// CreatePIT2 gives a VM that has an interrupt controller an i8254 timer
// (KVM_CREATE_PIT2), along with port 0x61, by which guests time their TSC with it.
func CreatePIT2(vm int) error {
	const speakerDummy = 1 // KVM_PIT_SPEAKER_DUMMY
	return write(vm, nrCreatePIT2, &pitConfig{flags: speakerDummy})
}
