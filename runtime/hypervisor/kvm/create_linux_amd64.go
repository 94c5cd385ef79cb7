// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/console"
	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/runtime/hypervisor/life"
	"arcbox.dev/runtime/vmm"
	"arcbox.dev/runtime/vmm/acpi"
	"arcbox.dev/runtime/vmm/boot"
	"arcbox.dev/runtime/vmm/bus"
	"arcbox.dev/runtime/vmm/legacy"
	"arcbox.dev/runtime/vmm/ram"
)

const (
	// MinMemory is the smallest guest that boots with the packaged kernel, in bytes.
	MinMemory = 96 << 20
	// MaxCPUs is what the guest's interrupt controllers are set up for.
	MaxCPUs = 254
)

// tablesAddr is where the ACPI tables begin, in the part of memory that firmware
// has on a PC and that the memory map keeps the kernel from.
const tablesAddr = 0xe0000

// Create prepares a VM: memory with the kernel in it, devices, vCPUs. All that it
// needs of the host is open when it returns.
func (h *Hypervisor) Create(ctx context.Context, cfg hypervisor.Config) (hypervisor.VirtualMachine, error) {
	available, err := host.AvailableMemory()
	if err != nil {
		available = 0 // not known
	}
	if err := cfg.Check(MinMemory, available); err != nil {
		return nil, err
	}
	if cfg.CPUs > MaxCPUs {
		return nil, errdefs.New(errdefs.ErrInvalid, "ask for less with --cpus", "a VM with %d CPUs cannot run, %d are the most", cfg.CPUs, MaxCPUs)
	}
	log := h.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	m := &machine{Vsock: life.Vsock{Life: life.New()}, cfg: cfg, log: log.With("vm", cfg.ID), console: console.New()}
	if err := m.prepare(ctx, h); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// prepare makes all of the VM.
func (m *machine) prepare(ctx context.Context, h *Hypervisor) error {
	device, err := openDevice(h.device())
	if err != nil {
		return err
	}
	defer unix.Close(device) // the VM has descriptors of its own
	if m.ram, err = ram.New(m.cfg.Memory); err != nil {
		return err
	}
	if m.self, err = host.OpenSelf(); err != nil {
		return err
	}
	pio, mmio := bus.New(), bus.New()
	m.vm, err = vmm.New(vmm.Config{Device: device, CPUs: m.cfg.CPUs, RAM: m.ram, PIO: pio, MMIO: mmio, Log: m.log})
	if err != nil {
		return err
	}
	if err := m.openLog(); err != nil {
		return err
	}
	if err := m.addPorts(pio); err != nil {
		return err
	}
	if err := m.addDevices(ctx, mmio, h.dial()); err != nil {
		return err
	}
	rsdp, err := m.writeTables()
	if err != nil {
		return err
	}
	return m.load(rsdp)
}

// openLog opens the console's log.
func (m *machine) openLog() error {
	f, err := os.OpenFile(filepath.Join(m.cfg.Dir, "console.log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	m.consoleLog = f
	m.console.LogTo(f)
	return nil
}

// writeTables describes the VM to the guest by ACPI, and returns where.
func (m *machine) writeTables() (rsdp uint64, err error) {
	cfg := acpi.Config{
		CPUs: m.cfg.CPUs, Serial: true, PowerButtonGSI: powerButtonGSI,
		SleepControl: legacy.SleepControlPort, SleepStatus: legacy.SleepStatusPort, SleepType: legacy.SleepTypeOff,
		Reset: legacy.ResetPort, ResetValue: legacy.ResetValue,
	}
	for _, s := range m.slots {
		cfg.Devices = append(cfg.Devices, acpi.Device{Base: s.base, Size: windowSize, GSI: s.gsi})
	}
	tables, rsdp, err := acpi.Build(cfg, tablesAddr)
	if err != nil {
		return 0, err
	}
	at, err := m.ram.Memory().Slice(tablesAddr, uint64(len(tables)))
	if err != nil {
		return 0, err
	}
	copy(at, tables)
	return rsdp, nil
}

// load puts the kernel into memory, and the first vCPU at its beginning.
func (m *machine) load(rsdp uint64) error {
	kernel, err := openImage(m.cfg.Kernel, "kernel", "install a kernel with make test, or build one with make kernel")
	if err != nil {
		return err
	}
	defer kernel.Close()
	cfg := boot.Config{
		Kernel: kernel, RSDP: rsdp, Cmdline: strings.Join(append(defaultCmdline(), m.cfg.Cmdline...), " "),
		Share: len(m.cfg.Remotes) > 0,
	}
	if m.cfg.Initramfs != "" {
		if cfg.Initrd, err = openImage(m.cfg.Initramfs, "initramfs", "give the path of one"); err != nil {
			return err
		}
		defer cfg.Initrd.Close()
	}
	start, err := boot.Load(m.ram, cfg)
	if err != nil {
		return err
	}
	return m.vm.SetStart(start)
}

func openImage(path, what, remedy string) (*os.File, error) {
	f, err := os.Open(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, errdefs.New(errdefs.ErrNotFound, remedy, "opening the %s: %w", what, err)
	case err != nil:
		return nil, errdefs.New(errdefs.ErrInvalid, remedy, "opening the %s: %w", what, err)
	}
	return f, nil
}

// dial returns how to connect to the devices of other processes.
func (h *Hypervisor) dial() dialer {
	if h.Dial != nil {
		return h.Dial
	}
	return func(ctx context.Context, path string) (*net.UnixConn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		return conn.(*net.UnixConn), nil
	}
}
