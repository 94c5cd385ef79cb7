// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// trialVM is the trial's VM: one vCPU and a few pages. A field is -1 or nil until
// it has been made.
type trialVM struct {
	vm, vcpu int
	memory   []byte
	page     kvmapi.RunPage
}

// newTrialVM makes the VM with the guest in it, ready to run. The caller closes it.
func newTrialVM(device int) (*trialVM, error) {
	m := &trialVM{vm: -1, vcpu: -1}
	if err := m.make(device); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

// make makes the parts in their order: a vCPU comes after what its VM has.
func (m *trialVM) make(device int) (err error) {
	if m.vm, err = kvmapi.CreateVM(device); err != nil {
		return err
	}
	// Intel CPUs without "unrestricted guest" need three pages of the guest's
	// address space to themselves; this is where others have them, too.
	const tssAddr = 0xfffb_d000
	if err := gokvm.SetTSSAddr(uintptr(m.vm), tssAddr); err != nil {
		return fmt.Errorf("setting the TSS address: %w", err)
	}
	// Shared, so that it is a mapping of its own and gone entirely afterwards.
	m.memory, err = unix.Mmap(-1, 0, memorySize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
	if err != nil {
		return fmt.Errorf("mapping guest memory: %w", err)
	}
	loadGuest(m.memory)
	if err := kvmapi.MapMemory(m.vm, 0, 0, m.memory); err != nil {
		return fmt.Errorf("giving the VM its memory: %w", err)
	}
	if m.vcpu, err = kvmapi.CreateVCPU(m.vm, 0); err != nil {
		return fmt.Errorf("creating a vCPU: %w", err)
	}
	if m.page, err = kvmapi.MapRunPage(device, m.vcpu); err != nil {
		return fmt.Errorf("mapping the vCPU's run page: %w", err)
	}
	var sregs gokvm.Sregs
	if err := kvmapi.GetSregs(m.vcpu, &sregs); err != nil {
		return fmt.Errorf("reading the vCPU's system registers: %w", err)
	}
	enterLongMode(&sregs)
	if err := kvmapi.SetSregs(m.vcpu, &sregs); err != nil {
		return fmt.Errorf("setting the vCPU to 64-bit mode: %w", err)
	}
	return nil
}

// close frees what has been made. The VM ends when the last of page, vCPU and VM
// is gone, and only then may its memory go.
func (m *trialVM) close() error {
	var errs []error
	if m.page != nil {
		errs = append(errs, m.page.Unmap())
	}
	for _, fd := range []int{m.vcpu, m.vm} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	if m.memory != nil {
		errs = append(errs, unix.Munmap(m.memory))
	}
	return errors.Join(errs...)
}

// stopWith has the end of ctx stop the vCPU, which runs on the calling thread only.
// The function it returns ends that arrangement, and m may be closed after it.
func (m *trialVM) stopWith(ctx context.Context) (release func()) {
	process, thread := os.Getpid(), unix.Gettid()
	stopped := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		defer close(stopped)
		m.page.RequestExit()
		// The signal is the Go runtime's own for preemption, so that it means
		// nothing to anyone else. It cannot fail: the thread waits in release.
		_ = unix.Tgkill(process, thread, unix.SIGURG)
	})
	return func() {
		if !cancel() {
			<-stopped
		}
	}
}

// run has the guest do so many turns. It says how many instructions the guest has
// executed, and how long that took, also where the end of ctx stopped it before it
// was through; stopWith is in force.
func (m *trialVM) run(ctx context.Context, turns uint32) (instructions uint64, took time.Duration, err error) {
	regs := startOf(turns)
	if err := kvmapi.SetRegs(m.vcpu, &regs); err != nil {
		return 0, 0, fmt.Errorf("setting the vCPU's registers: %w", err)
	}
	start := time.Now()
	err = m.untilHalt(ctx)
	took = time.Since(start)
	if err != nil {
		return 0, took, err
	}
	if err := kvmapi.GetRegs(m.vcpu, &regs); err != nil {
		return 0, took, fmt.Errorf("reading the vCPU's registers: %w", err)
	}
	left := turnsLeft(&regs)
	if left > turns || left > 0 && ctx.Err() == nil {
		return 0, took, cannotRun("it halted with %d of %d turns to go", left, turns)
	}
	return instructionsPerTurn * uint64(turns-left), took, nil
}

// untilHalt runs the vCPU until the guest halts or ctx ends.
func (m *trialVM) untilHalt(ctx context.Context) error {
	for {
		err := kvmapi.Run(m.vcpu)
		switch {
		case err == nil:
			if reason := m.page.ExitReason(); reason != gokvm.EXITHLT {
				return cannotRun("exit %d (%v) instead of a halt", uint(reason), reason)
			}
			return nil
		case !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.EAGAIN):
			return cannotRun("running the vCPU: %w", err)
		case ctx.Err() != nil:
			return nil
		}
	}
}

// cannotRun is the verdict on a KVM that fails at five bytes of code.
func cannotRun(format string, args ...any) error {
	return errdefs.New(errdefs.ErrNotSupported, "use the uml driver", "KVM cannot run 64-bit kernel code: %w", fmt.Errorf(format, args...))
}
