// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import gokvm "github.com/bobuhiro11/gokvm/kvm"

const (
	nrSetClock     = 0x7b
	nrGetClock     = 0x7c
	nrSetTSCkHz    = 0xa2
	nrGetTSCkHz    = 0xa3
	nrKVMClockCtrl = 0xad
)

// GetClock reads a VM's paravirtual clock in ns (KVM_GET_CLOCK).
func GetClock(vm int, clock *gokvm.ClockData) error { return read(vm, nrGetClock, clock) }

// SetClock sets it (KVM_SET_CLOCK). Of the flags, Realtime alone may be set.
func SetClock(vm int, clock *gokvm.ClockData) error { return write(vm, nrSetClock, clock) }

// GetTSCkHz returns the rate of a vCPU's TSC in kHz (KVM_GET_TSC_KHZ).
func GetTSCkHz(vcpu int) (uint32, error) {
	n, err := gokvm.Ioctl(uintptr(vcpu), gokvm.IIO(nrGetTSCkHz), 0)
	if err != nil {
		return 0, err
	}
	return uint32(n), nil
}

// SetTSCkHz sets it (KVM_SET_TSC_KHZ), where the CPU can scale its TSC or the rate
// is the host's.
func SetTSCkHz(vcpu int, kHz uint32) error {
	_, err := gokvm.Ioctl(uintptr(vcpu), gokvm.IIO(nrSetTSCkHz), uintptr(kHz))
	return err
}

// NotePause tells a guest that its vCPU was stopped for a while, so that its
// watchdogs do not take that for a lock-up (KVM_KVMCLOCK_CTRL). EINVAL says that
// the guest does not use the paravirtual clock.
func NotePause(vcpu int) error {
	_, err := gokvm.Ioctl(uintptr(vcpu), gokvm.IIO(nrKVMClockCtrl), 0)
	return err
}
