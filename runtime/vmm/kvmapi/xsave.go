// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

const (
	nrGetXSAVE  = 0xa4
	nrSetXSAVE  = 0xa5
	nrGetXSAVE2 = 0xcf
)

const (
	xsaveBase = 4096  // bytes of struct kvm_xsave, which the request's number holds
	xsaveMost = 65536 // bytes; AMX, the largest state so far, takes 11 KiB
)

// XSAVESize says how many bytes GetXSAVE wants, which the host's CPU decides, and
// what this process has asked for with arch_prctl(2).
func XSAVESize(vm int) (int, error) {
	n, err := CheckExtension(vm, gokvm.CapXSave2)
	if err != nil {
		return 0, err
	}
	if n > xsaveMost {
		return 0, unix.E2BIG
	}
	return max(n, xsaveBase), nil // 0 where KVM has not heard of larger ones
}

// GetXSAVE fills area, of XSAVESize bytes, with a vCPU's XSAVE image: all its
// registers beyond the general purpose ones (KVM_GET_XSAVE2, or KVM_GET_XSAVE where
// 4096 bytes are enough).
func GetXSAVE(vcpu int, area []byte) error {
	nr := uintptr(nrGetXSAVE)
	switch {
	case len(area) < xsaveBase:
		return unix.EINVAL // the kernel would write beyond its end
	case len(area) > xsaveBase:
		nr = nrGetXSAVE2
	}
	_, err := pass(vcpu, gokvm.IIOR(nr, xsaveBase), &area[0])
	return err
}

// SetXSAVE writes what GetXSAVE gave (KVM_SET_XSAVE). CPUID must be set before.
func SetXSAVE(vcpu int, area []byte) error {
	if len(area) < xsaveBase {
		return unix.EINVAL // the kernel would read beyond its end
	}
	_, err := pass(vcpu, gokvm.IIOW(nrSetXSAVE, xsaveBase), &area[0])
	return err
}
