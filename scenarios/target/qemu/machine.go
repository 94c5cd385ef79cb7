// SPDX-License-Identifier: MIT OR Apache-2.0

package qemu

import (
	"fmt"
	"strconv"
	"strings"
)

// The accelerators. The last one is tcg that counts instructions.
const (
	kvm    = "kvm"
	tcg    = "tcg"
	icount = "icount"
)

// port names the virtio console port on which the agent serves.
const port = "arcbox"

// machine is one way to have QEMU boot the guest.
type machine struct {
	name  string // of QEMU's machine type
	accel string
	// tscKHz is the frequency of the time-stamp counter, 0 if it is not known.
	tscKHz uint64
}

// machines returns the machines to try, the fastest first.
func machines(accel string, tscKHz uint64) []machine {
	accels := []string{kvm, tcg}
	if accel != "" {
		accels = []string{accel}
	}
	var out []machine
	for _, a := range accels {
		// A microvm has no timer that kernels calibrate the counter with reliably
		// when it is emulated: without the frequency some boots hang.
		if tscKHz != 0 {
			out = append(out, machine{"microvm", a, tscKHz})
		}
		out = append(out, machine{"q35", a, tscKHz})
	}
	return out
}

// typeOption is QEMU's -machine option. On a microvm the devices stay on PCI:
// distributions' kernels find no virtio-mmio device faster.
func (m machine) typeOption() string {
	if m.name == "microvm" {
		return "microvm,acpi=on,pcie=on,pit=on,pic=on,rtc=on,x-option-roms=off"
	}
	return m.name
}

// cpuOption is the CPU model. The smallest is the fastest to emulate; with rdrand
// the guest need not wait for entropy.
func (m machine) cpuOption() string {
	if m.accel == kvm {
		return "host"
	}
	return "qemu64,+rdrand"
}

// accelOption is QEMU's -accel option.
func (m machine) accelOption() string {
	switch m.accel {
	case tcg:
		return "tcg,thread=multi"
	case icount:
		return "tcg,thread=single"
	}
	return m.accel
}

// cmdline is the kernel's. A panic ends QEMU, since it may not reboot; the rest
// leaves out what only costs time: messages, self-tests, waiting for grace periods,
// randomization of the layout, mitigations and calibrations.
func (m machine) cmdline() string {
	parameters := []string{
		"quiet", "panic=-1", "console=ttyS0", "arcbox.port=" + port,
		"cryptomgr.notests", "rcupdate.rcu_expedited=1", "nokaslr", "mitigations=off", "no_timer_check", "tsc=reliable",
	}
	if m.tscKHz != 0 {
		parameters = append(parameters, "tsc_early_khz="+strconv.FormatUint(m.tscKHz, 10))
	}
	return strings.Join(parameters, " ")
}

// agentFD is the descriptor by which QEMU gets its end of the agent's connection.
// Those of further files follow it.
const agentFD = 3

// agentDevice is what QEMU's events call the agent's console port.
const agentDevice = "agent"

// args is QEMU's command line. The trace tells when the vCPUs start.
func (m machine) args(config Config, guest Guest) []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-monitor", "none", "-no-reboot",
		"-machine", m.typeOption(), "-accel", m.accelOption(), "-cpu", m.cpuOption(),
		"-smp", strconv.Itoa(config.CPUs), "-m", fmt.Sprintf("%dk", config.Memory>>10),
		"-kernel", guest.Kernel, "-initrd", guest.Initramfs, "-append", m.cmdline(),
		"-serial", "stdio",
		"-chardev", fmt.Sprintf("socket,id=agent,fd=%d", agentFD),
		"-device", "virtio-serial-pci", "-device", "virtserialport,chardev=agent,id=" + agentDevice + ",name=" + port,
		// Without a log file of its own the trace hangs the microvm of QEMU 7.2 at its start.
		"-trace", vcpusEvent, "-D", "/dev/stderr",
	}
	if m.accel == icount {
		args = append(args, countArgs()...)
	}
	return args
}
