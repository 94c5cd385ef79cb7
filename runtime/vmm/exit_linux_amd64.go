// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"fmt"

	gokvm "github.com/bobuhiro11/gokvm/kvm"

	"arcbox.dev/runtime/vmm/kvmapi"
)

// handle answers an exit. It says whether to go on; if not, the VM has been ended.
func (c *vcpu) handle() bool {
	switch reason := c.page.ExitReason(); reason {
	case gokvm.EXITIO:
		c.port()
		return true
	case gokvm.EXITMMIO:
		c.mmio()
		return true
	case gokvm.EXITINTR:
		c.exits.add(exitInterrupted)
		return true
	default:
		c.last(reason)
		return false
	}
}

// port answers an access to a port, or all those of a string instruction.
func (c *vcpu) port() {
	a := c.page.PortIO()
	if a.Out {
		c.exits.add(exitPortWrite)
	} else {
		c.exits.add(exitPortRead)
	}
	for p := a.Data; len(p) > 0; p = p[a.Size:] {
		one := p[:a.Size:a.Size]
		if a.Out {
			c.vm.cfg.PIO.Write(uint64(a.Port), one)
		} else {
			c.vm.cfg.PIO.Read(uint64(a.Port), one)
		}
	}
}

// mmio answers an access to an address that is no memory.
func (c *vcpu) mmio() {
	a := c.page.MMIO()
	if a.Write {
		c.exits.add(exitMMIOWrite)
		c.vm.cfg.MMIO.Write(a.Addr, a.Data)
		return
	}
	c.exits.add(exitMMIORead)
	c.vm.cfg.MMIO.Read(a.Addr, a.Data)
}

// last ends the VM after an exit that no vCPU goes on from.
func (c *vcpu) last(reason gokvm.ExitType) {
	switch reason {
	case gokvm.EXITSHUTDOWN:
		c.exits.add(exitShutdown)
		c.vm.End(TripleFault, c.where())
	case kvmapi.ExitSystemEvent:
		c.exits.add(exitSystemEvent)
		c.systemEvent()
	case gokvm.EXITINTERNALERROR:
		c.exits.add(exitInternalError)
		code, data := c.page.InternalError()
		c.fail("KVM internal error %d%s, data %#x", code, internalErrorName(code), data)
	case gokvm.EXITFAILENTRY:
		c.exits.add(exitFailEntry)
		code, cpu := c.page.FailEntry()
		c.fail("host CPU %d refuses to enter the guest, reason %#x", cpu, code)
	default:
		c.exits.add(exitOther)
		c.fail("unexpected exit %d (%v)", uint(reason), reason)
	}
}

// systemEvent ends the VM for an event that the guest caused by way of KVM.
func (c *vcpu) systemEvent() {
	switch kind := c.page.SystemEvent(); kind {
	case kvmapi.EventShutdown:
		c.vm.End(PowerOff, "")
	case kvmapi.EventReset:
		c.vm.End(Reset, "")
	case kvmapi.EventCrash:
		c.vm.End(Failed, "the guest reports a crash")
	default:
		c.fail("unexpected system event %d", kind)
	}
}

// where names the vCPU and the instruction that it has come to. An AMD CPU is reset
// by a shutdown before anyone can look.
func (c *vcpu) where() string {
	var regs gokvm.Regs
	if err := kvmapi.GetRegs(c.fd, &regs); err != nil {
		return fmt.Sprintf("vCPU %d", c.id)
	}
	return fmt.Sprintf("vCPU %d at RIP %#x", c.id, regs.RIP)
}

// fail ends the VM as Failed.
func (c *vcpu) fail(format string, args ...any) {
	c.vm.End(Failed, fmt.Sprintf(format, args...)+", "+c.where())
}

// internalErrorName puts the error in words, where there are any.
func internalErrorName(code uint32) string {
	switch code {
	case kvmapi.ErrorEmulation:
		return " (it cannot emulate an instruction)"
	case kvmapi.ErrorSimultaneous:
		return " (two exceptions at once)"
	case kvmapi.ErrorDelivery:
		return " (it cannot deliver an event)"
	case kvmapi.ErrorUnexpectedExit:
		return " (an exit that it does not know)"
	}
	return ""
}
