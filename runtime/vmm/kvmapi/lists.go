// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

const (
	nrGetMSRIndexList   = 0x02
	nrGetSupportedCPUID = 0x05
	nrGetMSRs           = 0x88
	nrSetMSRs           = 0x89
	nrSetCPUID2         = 0x90
)

// A list's request number holds the size of its head only.
const (
	headSize      = 8 // of struct kvm_cpuid2 and struct kvm_msrs
	indexHeadSize = 4 // of struct kvm_msr_list
)

// Entries that a list here has room for. KVM itself takes no more MSRs in one call
// (MAX_IO_MSRS) and no more CPUID leaves (KVM_MAX_CPUID_ENTRIES).
const (
	maxEntries = 256
	maxIndices = 4096
)

// list is a struct of the kernel's that ends in an array.
type list[E any] struct {
	n       uint32
	_       uint32
	entries [maxEntries]E
}

func listOf[E any](entries []E) (*list[E], error) {
	if len(entries) > maxEntries {
		return nil, unix.E2BIG
	}
	l := &list[E]{n: uint32(len(entries))}
	copy(l.entries[:], entries)
	return l, nil
}

// SupportedCPUID returns the CPUID leaves that this host and its KVM can give a
// guest (KVM_GET_SUPPORTED_CPUID). They are the caller's to change.
func SupportedCPUID(device int) ([]gokvm.CPUIDEntry2, error) {
	l := &list[gokvm.CPUIDEntry2]{n: maxEntries}
	if _, err := pass(device, gokvm.IIOWR(nrGetSupportedCPUID, headSize), l); err != nil {
		return nil, err
	}
	return l.entries[:min(l.n, maxEntries)], nil
}

// SetCPUID gives a vCPU its CPUID leaves (KVM_SET_CPUID2). It must not have run.
func SetCPUID(vcpu int, entries []gokvm.CPUIDEntry2) error {
	l, err := listOf(entries)
	if err != nil {
		return err
	}
	_, err = pass(vcpu, gokvm.IIOW(nrSetCPUID2, headSize), l)
	return err
}

// MSRs returns the numbers of the MSRs that make up a vCPU's state
// (KVM_GET_MSR_INDEX_LIST).
func MSRs(device int) ([]uint32, error) {
	l := &struct {
		n       uint32
		indices [maxIndices]uint32
	}{n: maxIndices}
	if _, err := pass(device, gokvm.IIOWR(nrGetMSRIndexList, indexHeadSize), l); err != nil {
		return nil, err
	}
	return l.indices[:min(l.n, maxIndices)], nil
}

// GetMSRs reads the MSRs that entries name by Index into their Data (KVM_GET_MSRS).
// It returns how many it has read: KVM stops at the first that it does not know.
func GetMSRs(vcpu int, entries []gokvm.MSREntry) (int, error) {
	l, err := listOf(entries)
	if err != nil {
		return 0, err
	}
	n, err := pass(vcpu, gokvm.IIOWR(nrGetMSRs, headSize), l)
	if err != nil {
		return 0, err
	}
	return copy(entries, l.entries[:min(n, len(entries))]), nil
}

// SetMSRs writes MSRs (KVM_SET_MSRS). It returns how many it has written: KVM stops
// at the first that it does not know or whose value it refuses.
func SetMSRs(vcpu int, entries []gokvm.MSREntry) (int, error) {
	l, err := listOf(entries)
	if err != nil {
		return 0, err
	}
	n, err := pass(vcpu, gokvm.IIOW(nrSetMSRs, headSize), l)
	return max(n, 0), err
}
