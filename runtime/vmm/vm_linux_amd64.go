// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/bus"
	"arcbox.dev/runtime/vmm/kvmapi"
	"arcbox.dev/runtime/vmm/ram"
)

// maxCPUs is the number of vCPUs that 8-bit APIC ids can name: 255 means all of them.
const maxCPUs = 255

// Config says what a VM consists of.
type Config struct {
	Device int      // the KVM device's descriptor; stays the caller's and open until Close
	CPUs   int      // 1 to 255
	RAM    *ram.RAM // stays the caller's, and there until Close has returned
	PIO    *bus.Bus // ports
	MMIO   *bus.Bus // physical addresses that are no memory
	Log    *slog.Logger
}

// VM is a virtual machine. Its methods may be called from any goroutine; those that
// wait for the vCPUs (Pause and Close) not from a device's.
type VM struct {
	cfg  Config
	log  *slog.Logger
	fd   int
	cpus []*vcpu

	ending chan struct{} // closed by the first End
	done   chan struct{} // closed when all vCPUs have returned
	freed  func() error

	// turn is held by the one Pause or Resume that is under way; paused belongs to it.
	turn   chan struct{}
	paused bool

	mu       sync.Mutex
	changed  *sync.Cond // the fields below have changed
	slots    uint32     // memory slots in use, numbered from 0
	eventfds []int
	started  bool
	ended    bool // ending is closed
	closed   bool // descriptors are gone, or about to be
	holds    int  // who wants the vCPUs to stand still
	parked   int  // vCPUs that do so
	reason   Reason
	detail   string
}

// New makes a VM whose vCPUs are in their reset state: SetStart comes next. The
// errors name the step of KVM that failed.
func New(cfg Config) (*VM, error) {
	if cfg.CPUs < 1 || cfg.CPUs > maxCPUs {
		return nil, errdefs.New(errdefs.ErrInvalid, fmt.Sprintf("give it 1 to %d", maxCPUs), "a VM cannot have %d CPUs", cfg.CPUs)
	}
	v := newVM(cfg)
	if err := v.make(); err != nil {
		return nil, errors.Join(err, v.free())
	}
	return v, nil
}

// newVM makes what a VM has in this process.
func newVM(cfg Config) *VM {
	v := &VM{
		cfg:    cfg,
		log:    cfg.Log,
		fd:     -1,
		ending: make(chan struct{}),
		done:   make(chan struct{}),
		turn:   make(chan struct{}, 1),
	}
	if v.log == nil {
		v.log = slog.New(slog.DiscardHandler)
	}
	v.changed = sync.NewCond(&v.mu)
	v.freed = sync.OnceValue(v.free)
	return v
}

// Where Intel CPUs without "unrestricted guest" have four pages of the guest's
// address space to themselves: below the firmware's, where nothing else is.
const (
	identityMapAddr = 0xfffb_c000
	tssAddr         = 0xfffb_d000
)

// make makes the parts in their order: vCPUs come after what their VM has.
func (v *VM) make() (err error) {
	if v.fd, err = kvmapi.CreateVM(v.cfg.Device); err != nil {
		return err
	}
	if most, err := kvmapi.CheckExtension(v.fd, gokvm.CapMAXVCPUS); err == nil && most > 0 && v.cfg.CPUs > most {
		return errdefs.New(errdefs.ErrInvalid, fmt.Sprintf("give it at most %d", most),
			"this host's KVM does not give a VM %d CPUs", v.cfg.CPUs)
	}
	steps := []struct {
		name string
		do   func() error
	}{
		{"setting the TSS address", func() error { return gokvm.SetTSSAddr(uintptr(v.fd), tssAddr) }},
		{"setting the identity map's address", func() error { return kvmapi.SetIdentityMapAddr(v.fd, identityMapAddr) }},
		{"creating the interrupt controllers", func() error { return gokvm.CreateIRQChip(uintptr(v.fd)) }},
		{"routing interrupts", v.routeIRQs},
		{"creating the timer", func() error { return kvmapi.CreatePIT2(v.fd) }},
		{"giving the VM its memory", v.mapRAM},
		{"creating the vCPUs", v.makeCPUs},
	}
	for _, step := range steps {
		if err := step.do(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// makeCPUs makes the vCPUs and gives them their CPUID and MSRs.
func (v *VM) makeCPUs() error {
	supported, err := kvmapi.SupportedCPUID(v.cfg.Device)
	if err != nil {
		return fmt.Errorf("reading the host's CPUID: %w", err)
	}
	deadline, err := kvmapi.CheckExtension(v.fd, gokvm.CapTSCDeadlineTimer)
	if err != nil {
		return fmt.Errorf("asking for the TSC deadline timer: %w", err)
	}
	for id := range v.cfg.CPUs {
		c, err := newVCPU(v, id)
		if err != nil {
			return fmt.Errorf("vCPU %d: %w", id, err)
		}
		v.cpus = append(v.cpus, c)
		if err := c.identify(supported, deadline > 0); err != nil {
			return fmt.Errorf("vCPU %d: %w", id, err)
		}
	}
	return nil
}

// free gives everything back. The VM ends when the last of its run pages, vCPUs and
// itself is gone; only then is its memory no longer in use. No vCPU runs.
func (v *VM) free() error {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	var errs []error
	for _, c := range v.cpus {
		errs = append(errs, c.close())
	}
	if v.fd >= 0 {
		errs = append(errs, unix.Close(v.fd))
	}
	for _, fd := range v.eventfds {
		errs = append(errs, unix.Close(fd))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the VM: %w", err)
	}
	return nil
}
