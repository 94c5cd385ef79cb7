// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/vmm/kvmapi"
)

// vcpu is one virtual CPU. Its thread alone uses page and writes to exits.
type vcpu struct {
	vm    *VM
	id    int // also its APIC id
	fd    int
	page  kvmapi.RunPage
	exits counters

	mu     sync.Mutex
	thread int           // the thread that runs it; 0 for none
	ran    time.Duration // what thread took, once there is none
}

// newVCPU makes vCPU id of a VM.
func newVCPU(v *VM, id int) (*vcpu, error) {
	fd, err := kvmapi.CreateVCPU(v.fd, id)
	if err != nil {
		return nil, err
	}
	page, err := kvmapi.MapRunPage(v.cfg.Device, fd)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("mapping its run page: %w", err), unix.Close(fd))
	}
	return &vcpu{vm: v, id: id, fd: fd, page: page}, nil
}

func (c *vcpu) close() error { return errors.Join(c.page.Unmap(), unix.Close(c.fd)) }

// MSRs that do not come up as firmware leaves them.
var firmwareMSRs = []gokvm.MSREntry{
	// Fast string operations (Intel SDM vol. 4, IA32_MISC_ENABLE bit 0): without them
	// Linux takes the CPU for one with an erratum, and copies memory word by word.
	{Index: uint32(gokvm.MSRIA32MISCENABLE), Data: 1},
	// MTRRs on, all memory write-back (Intel SDM vol. 3 §12.11.2.1): while they are off
	// Linux does without PAT, too.
	{Index: uint32(gokvm.MSRMTRRdefType), Data: 1<<11 | 6},
}

// identify gives the vCPU its CPUID and MSRs.
func (c *vcpu) identify(supported []gokvm.CPUIDEntry2, deadline bool) error {
	kHz, err := kvmapi.GetTSCkHz(c.fd)
	if err != nil {
		kHz = 0 // an unstable host TSC has no rate to tell
	}
	leaves := cpuid{id: uint32(c.id), cpus: uint32(c.vm.cfg.CPUs), tscKHz: kHz, deadline: deadline}.leaves(supported)
	if err := kvmapi.SetCPUID(c.fd, leaves); err != nil {
		return fmt.Errorf("setting its CPUID: %w", err)
	}
	n, err := kvmapi.SetMSRs(c.fd, firmwareMSRs)
	if err == nil && n < len(firmwareMSRs) {
		err = fmt.Errorf("KVM refuses MSR %#x", firmwareMSRs[n].Index)
	}
	if err != nil {
		return fmt.Errorf("setting its MSRs: %w", err)
	}
	return nil
}

// run is the vCPU's goroutine.
func (c *vcpu) run() {
	// KVM keeps a vCPU on the thread that runs it, and the thread gets the kicks.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c.enter()
	defer c.leave()
	for {
		switch err := kvmapi.Run(c.fd); err {
		case nil:
			if !c.handle() {
				return
			}
		case unix.EINTR, unix.EAGAIN:
			c.exits.add(exitInterrupted)
			if !c.attend() {
				return
			}
		default:
			c.fail("running the vCPU: %v", err)
			return
		}
	}
}

// enter makes the calling thread the vCPU's.
func (c *vcpu) enter() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.thread = unix.Gettid()
}

// leave undoes enter; the thread may end afterwards and its id be another's.
func (c *vcpu) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ran = threadTime(c.thread)
	c.thread = 0
}

// attend is called after Run was interrupted: whatever access the guest was in the
// midst of has been completed. It says whether to go on.
func (c *vcpu) attend() bool {
	if !c.page.ExitRequested() {
		return true // the Go runtime wanted to preempt some goroutine
	}
	// First the withdrawal: who comes after it makes a request that lasts.
	c.page.WithdrawExit()
	return c.vm.park()
}

// kick has the vCPU attend, wherever it is. The signal is the Go runtime's own for
// preemption, so that it means nothing to anyone else.
func (c *vcpu) kick() {
	c.page.RequestExit()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thread != 0 {
		// It cannot fail: the thread is there until leave.
		_ = unix.Tgkill(os.Getpid(), c.thread, unix.SIGURG)
	}
}

// time returns how much CPU time the vCPU has taken so far, in the guest and out of it.
func (c *vcpu) time() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.thread == 0 {
		return c.ran
	}
	return threadTime(c.thread)
}

// threadTime reads the CPU clock of a thread of this process.
func threadTime(thread int) time.Duration {
	// The clock's id, by include/linux/posix-timers_types.h: the complement of the
	// thread's id, and CPUCLOCK_PERTHREAD_MASK | CPUCLOCK_SCHED.
	clock := int32(^thread<<3 | 4 | 2)
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// VCPUTimes returns how much CPU time each vCPU has taken so far, in the guest and
// out of it.
func (v *VM) VCPUTimes() []time.Duration {
	times := make([]time.Duration, len(v.cpus))
	for i, c := range v.cpus {
		times[i] = c.time()
	}
	return times
}
