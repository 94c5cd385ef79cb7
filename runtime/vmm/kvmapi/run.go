// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package kvmapi

import (
	"encoding/binary"
	"fmt"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"
)

const nrRun = 0x80

// Offsets of struct kvm_run (linux/kvm.h).
const (
	exitReasonOffset = 8
	exitOffset       = 32 // the union of what the exits say
	exitSize         = 256
)

// immediateExit is kvm_run's member of that name, as part of the first word.
const immediateExit = 1 << 8

// RunPage is what a vCPU and its VMM share: struct kvm_run and what follows it.
// But for the request to exit, only the thread that runs the vCPU uses it.
type RunPage []byte

// MapRunPage maps a vCPU's run page; kvm is the descriptor of the KVM device. The
// mapping keeps the vCPU, and so its VM, alive until Unmap.
func MapRunPage(kvm, vcpu int) (RunPage, error) {
	size, err := gokvm.GetVCPUMMmapSize(uintptr(kvm))
	if err != nil {
		return nil, err
	}
	if size < exitOffset+exitSize || size > 1<<20 {
		return nil, fmt.Errorf("a run page of %d bytes cannot be", size)
	}
	return unix.Mmap(vcpu, 0, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// Unmap frees the page, which must not be used afterwards.
func (p RunPage) Unmap() error { return unix.Munmap(p) }

// ExitReason says why the last successful Run ended.
func (p RunPage) ExitReason() gokvm.ExitType {
	return gokvm.ExitType(binary.NativeEndian.Uint32(p[exitReasonOffset:]))
}

// RequestExit makes each Run from now on return EINTR before it enters the guest,
// but after it has completed the access that the last Run exited with. It may be
// called from any thread. A Run that is in the guest already ends only by a signal
// to its thread: request first, then signal, and the exit is certain.
func (p RunPage) RequestExit() { p.controlWord().Store(immediateExit) }

// ExitRequested says whether a request is in force: an EINTR from Run without one
// has nothing to do with us.
func (p RunPage) ExitRequested() bool { return p.controlWord().Load() != 0 }

// WithdrawExit takes all requests back. The vCPU's thread calls it before it looks
// for what was wanted of it, so that whoever wants more has its request in force.
func (p RunPage) WithdrawExit() { p.controlWord().Store(0) }

// Run enters the guest until it exits (KVM_RUN). EINTR and EAGAIN say that no exit
// happened; the caller enters again unless it wanted the interruption. Go's own
// preemption signals interrupt it, too. A vCPU is run from one thread, always the
// same where that can be: the calling goroutine is locked to it.
func Run(vcpu int) error {
	_, err := gokvm.Ioctl(uintptr(vcpu), gokvm.IIO(nrRun), 0)
	return err
}
