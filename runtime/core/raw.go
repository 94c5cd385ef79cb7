// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package core

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/guest/protocol"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
)

// RawConfig says which kernel to boot with what, without an agent of ours.
type RawConfig struct {
	Driver    string // a driver's name; empty takes the first that works
	CPUs      int    // 0 is DefaultCPUs
	Memory    uint64 // bytes; 0 is DefaultMemory
	Kernel    string // absolute paths, of which Initramfs may be empty
	Initramfs string
	Cmdline   []string // all of it but what the driver itself needs
	Disks     []hypervisor.Disk
	Remotes   []hypervisor.Remote
	Vsock     bool
	// Requested is when the user asked for it, on the clock of events.Now; 0 is now.
	Requested time.Duration
}

// BootRaw starts a VM and returns once its vCPUs run. The VM has no Agent. The caller
// closes it.
func (r *Runtime) BootRaw(ctx context.Context, cfg RawConfig) (*VM, error) {
	withDefaults(&cfg.CPUs, &cfg.Memory, &cfg.Requested)
	if err := cfg.check(); err != nil {
		return nil, err
	}
	driver, err := r.driver(ctx, cfg.Driver)
	if err != nil {
		return nil, err
	}
	dir, err := r.newVMFolder()
	if err != nil {
		return nil, err
	}
	vm := &VM{dir: dir, Kernel: kernel.Kernel{Path: cfg.Kernel}, marks: []events.Mark{{Name: events.Request, At: cfg.Requested}}}
	if err := vm.start(ctx, driver, cfg); err != nil {
		vm.Close()
		return nil, err
	}
	return vm, nil
}

// check refuses files that cannot be read before anything is started.
func (cfg RawConfig) check() error {
	for what, path := range map[string]string{"kernel": cfg.Kernel, "initrd": cfg.Initramfs} {
		if path == "" && what == "initrd" {
			continue
		}
		f, err := os.Open(path)
		if err != nil {
			return errdefs.New(errdefs.ErrNotFound, "give the path of a file that you may read", "opening the %s: %w", what, err)
		}
		info, err := f.Stat()
		f.Close()
		if err != nil || !info.Mode().IsRegular() {
			return errdefs.New(errdefs.ErrInvalid, "give the path of a file", "the %s %s is no file", what, path)
		}
	}
	return nil
}

func (v *VM) start(ctx context.Context, driver hypervisor.Hypervisor, cfg RawConfig) error {
	vm, err := driver.Create(ctx, hypervisor.Config{
		ID: v.ID(), Dir: v.dir.path, CPUs: cfg.CPUs, Memory: cfg.Memory, Kernel: cfg.Kernel, Initramfs: cfg.Initramfs,
		Cmdline: cfg.Cmdline, Disks: cfg.Disks, Remotes: cfg.Remotes, Vsock: cfg.Vsock,
	})
	if err != nil {
		return err
	}
	v.vm = vm
	if cfg.Vsock {
		if err := v.markInit(); err != nil {
			return err
		}
	}
	return vm.Start(ctx)
}

// markInit has an agent of ours, should there be one in the guest, mark its start.
func (v *VM) markInit() error {
	ready, err := v.vm.Listen(protocol.ReadyPort)
	if err != nil {
		return fmt.Errorf("waiting for the guest's agent: %w", err)
	}
	go func() {
		defer ready.Close()
		// It ends with the VM, whose listeners end with it.
		if hello, err := client.WaitReady(context.Background(), ready); err == nil {
			v.mark(events.Init, events.Now()-time.Since(hello.Received)-hello.SinceStart)
		}
	}()
	return nil
}

// ConsoleInput returns a writer of what is typed on the guest's console.
func (v *VM) ConsoleInput() (io.WriteCloser, error) { return v.vm.ConsoleInput() }

// Kill ends the VM at once.
func (v *VM) Kill() error { return v.vm.Kill() }
