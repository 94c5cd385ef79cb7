// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"fmt"

	gokvm "github.com/bobuhiro11/gokvm/kvm"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/boot"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// rflagsReserved is the bit of RFLAGS that is always set (Intel SDM vol. 1 §3.4.3).
const rflagsReserved = 1 << 1

// SetStart has the first vCPU begin as the kernel's boot protocol says; the others
// wait for it to start them. It is called before Start.
func (v *VM) SetStart(s boot.Start) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.started {
		return errdefs.New(errdefs.ErrInvalid, "", "the VM has been started already")
	}
	c := v.cpus[0]
	var sregs gokvm.Sregs
	if err := kvmapi.GetSregs(c.fd, &sregs); err != nil {
		return fmt.Errorf("reading the system registers: %w", err)
	}
	regs := gokvm.Regs{RIP: s.IP, RFLAGS: rflagsReserved}
	switch s.Mode {
	case boot.Protected32:
		kvmapi.ProtectedMode(&sregs)
		regs.RBX = s.Arg
	case boot.Long64:
		kvmapi.LongMode(&sregs, s.CR3)
		regs.RSI = s.Arg
	default:
		return errdefs.New(errdefs.ErrInvalid, "", "a kernel cannot be entered in mode %d", s.Mode)
	}
	sregs.CS, sregs.TR = s.Code, s.Task
	sregs.DS, sregs.ES, sregs.FS, sregs.GS, sregs.SS = s.Data, s.Data, s.Data, s.Data, s.Data
	sregs.LDT = gokvm.Segment{Unusable: 1}
	sregs.GDT = gokvm.Descriptor{Base: s.GDT, Limit: s.GDTLimit}
	sregs.IDT = gokvm.Descriptor{} // whatever interrupts now is a triple fault
	if err := kvmapi.SetSregs(c.fd, &sregs); err != nil {
		return fmt.Errorf("setting the system registers: %w", err)
	}
	if err := kvmapi.SetRegs(c.fd, &regs); err != nil {
		return fmt.Errorf("setting the registers: %w", err)
	}
	return nil
}
