// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package core

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/guest/initramfs"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/guest/protocol"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/paths"
)

// Defaults of a sandbox.
const (
	DefaultCPUs   = 1
	DefaultMemory = 256 << 20 // bytes
)

// bootTimeout is how long a guest may take from start to the agent's answer.
const bootTimeout = 60 * time.Second

// consoleLevel lets the kernel write notices and worse: its banner, which tells when
// it began, and little else.
const consoleLevel = "loglevel=6"

// Modules are what the agent needs of a kernel that has modules, whatever carries its devices.
var Modules = []string{"virtio_blk", "vmw_vsock_virtio_transport", "erofs", "overlay"}

// File is a file of a guest's first root file system.
type File = initramfs.File

// BootConfig says which VM to boot.
type BootConfig struct {
	Driver string        // a driver's name; empty takes the first that works
	Kernel kernel.Origin // where the kernel comes from; empty takes the best
	CPUs   int           // 0 is DefaultCPUs
	Memory uint64        // bytes; 0 is DefaultMemory
	Disks  []hypervisor.Disk
	// Files are what the guest's first root file system has beside the agent.
	Files []File
	// Cmdline is appended to the kernel's command line.
	Cmdline []string
	// Requested is when the user asked for it, on the clock of events.Now; 0 is now.
	Requested time.Duration
}

// Boot boots a VM and returns once its agent has answered. The caller closes the VM.
func (r *Runtime) Boot(ctx context.Context, cfg BootConfig) (*VM, error) {
	withDefaults(&cfg.CPUs, &cfg.Memory, &cfg.Requested)
	driver, err := r.driver(ctx, cfg.Driver)
	if err != nil {
		return nil, err
	}
	k, initrd, err := r.guest(ctx, driver, cfg.Kernel, cfg.Files)
	if err != nil {
		return nil, err
	}
	dir, err := r.newVMFolder()
	if err != nil {
		return nil, err
	}
	vm := &VM{dir: dir, Kernel: k, marks: []events.Mark{{Name: events.Request, At: cfg.Requested}}}
	if err := vm.boot(ctx, driver, cfg, k, initrd); err != nil {
		vm.Close()
		return nil, err
	}
	return vm, nil
}

// withDefaults sets what is zero of a sandbox's CPUs, bytes of memory, and the time at
// which it was asked for.
func withDefaults(cpus *int, memory *uint64, requested *time.Duration) {
	if *cpus == 0 {
		*cpus = DefaultCPUs
	}
	if *memory == 0 {
		*memory = DefaultMemory
	}
	if *requested == 0 {
		*requested = events.Now()
	}
}

// guest finds the kernel and makes the initramfs for it, or takes the one that was made.
func (r *Runtime) guest(ctx context.Context, driver Driver, origin kernel.Origin, files []File) (kernel.Kernel, string, error) {
	k, err := kernel.Find(kernel.Options{Flavour: driver.Flavour, Origin: origin, CacheDir: r.opts.Paths.Cache, ConfigDir: r.opts.Paths.Config})
	if errors.Is(err, kernel.ErrNotFound) && driver.Flavour == kernel.VM && (origin == "" || origin == kernel.Packaged) {
		// The distribution's package manager has one; that is done once.
		r.log.Warn("fetching the distribution's kernel for virtual machines, once")
		k, err = kernel.FetchCloud(ctx, r.opts.Paths.Cache)
	}
	if err != nil {
		return k, "", guestError("finding a kernel", err)
	}
	initrd, err := r.initramfs(k, driver.Modules, files)
	if err == nil && k.Flavour == kernel.VM {
		// The guest need not unpack what the host has unpacked once.
		if k.Path, err = k.Uncompressed(); err != nil {
			err = guestError("unpacking the kernel", err)
		}
	}
	return k, initrd, err
}

// initramfs makes the image with the agent, the kernel's modules and the files.
func (r *Runtime) initramfs(k kernel.Kernel, carriers []string, files []File) (string, error) {
	mods, err := k.Modules(append(carriers[:len(carriers):len(carriers)], Modules...)...)
	if err != nil {
		return "", guestError("finding the kernel's modules", err)
	}
	path, err := initramfs.Cached(filepath.Join(r.opts.Paths.Cache, "initramfs"), initramfs.Spec{Init: r.opts.Agent, Modules: mods, Files: files})
	if err != nil {
		return "", guestError("making the initramfs", err)
	}
	return path, nil
}

// guestError gives the guest module's errors a class of the runtime's.
func guestError(doing string, err error) error {
	class := errdefs.ErrUnavailable
	switch {
	case errors.Is(err, kernel.ErrNotFound):
		class = errdefs.ErrNotFound
	case errors.Is(err, kernel.ErrInvalid):
		class = errdefs.ErrInvalid
	case errors.Is(err, kernel.ErrCorrupt):
		class = errdefs.ErrCorrupt
	}
	return errdefs.New(class, "", "%s: %w", doing, err)
}

// newVMFolder makes a private folder for a VM, and clears away those of VMs that were killed.
func (r *Runtime) newVMFolder() (*vmFolder, error) {
	if err := paths.Private(r.opts.Paths.Run); err != nil {
		return nil, err
	}
	base := filepath.Join(r.opts.Paths.Run, "vms")
	if err := paths.Private(base); err != nil {
		return nil, err
	}
	sweepVMFolders(base)
	var id [6]byte
	rand.Read(id[:])
	return makeVMFolder(base, hex.EncodeToString(id[:]))
}

// boot creates and starts the VM and connects to its agent.
func (v *VM) boot(ctx context.Context, driver Driver, cfg BootConfig, k kernel.Kernel, initrd string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, bootTimeout, errBootTimeout)
	defer cancel()
	vm, err := driver.Create(ctx, hypervisor.Config{
		ID: v.ID(), Dir: v.dir.path, CPUs: cfg.CPUs, Memory: cfg.Memory,
		Kernel: k.Path, Initramfs: initrd, Disks: cfg.Disks, Vsock: true,
		Cmdline: append([]string{consoleLevel}, cfg.Cmdline...),
	})
	if err != nil {
		return err
	}
	v.vm = vm
	ready, err := vm.Listen(protocol.ReadyPort)
	if err != nil {
		return err
	}
	defer ready.Close()
	if err := vm.Start(ctx); err != nil {
		return err
	}
	// A guest that ends before its agent answers ends the wait.
	ctx, ended := context.WithCancelCause(ctx)
	defer ended(nil)
	go func() {
		if exit, err := vm.Wait(ctx); err == nil {
			ended(endedError{exitError("the guest ended while it booted", exit)})
		}
	}()
	hello, err := client.WaitReady(ctx, ready)
	if err == nil {
		v.mark(events.Init, events.Now()-time.Since(hello.Received)-hello.SinceStart)
		v.Agent, err = client.Connect(ctx, vm)
	}
	if err != nil {
		return v.whyNoBoot(ctx, err)
	}
	v.mark(events.AgentReady, events.Now())
	return nil
}

var errBootTimeout = errdefs.New(errdefs.ErrUnavailable, "see its console with ARCBOX_DEBUG=1", "the guest hangs: no answer from its agent after %v", bootTimeout)

// whyNoBoot prefers what ended the boot over how that showed here.
func (v *VM) whyNoBoot(ctx context.Context, err error) error {
	// The guest's end and the loss of its connections race; give the end a moment.
	select {
	case <-ctx.Done():
	case <-time.After(500 * time.Millisecond):
	}
	var end endedError
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return errdefs.New(errdefs.ErrUnavailable, "", "booting: %w", err)
	case errors.As(cause, &end):
		return end.error
	default:
		if line := v.lastLine(); line != "" {
			return fmt.Errorf("%w; the guest's last line was %q", cause, line)
		}
		return cause
	}
}

// endedError says how a guest ended while it booted.
type endedError struct{ error }

// lastLine ends the VM and returns the last line that the guest wrote, cut to a
// length that fits an error.
func (v *VM) lastLine() string {
	const most = 160 // bytes
	console, err := v.vm.Console()
	if err != nil {
		return ""
	}
	defer console.Close()
	if err := v.vm.Kill(); err != nil {
		return ""
	}
	text, err := io.ReadAll(console) // bounded by what is kept
	if err != nil {
		return ""
	}
	text = bytes.TrimSpace(text)
	text = text[bytes.LastIndexByte(text, '\n')+1:]
	return string(text[:min(len(text), most)])
}

// exitError says how a VM ended that should not have.
func exitError(what string, exit hypervisor.Exit) error {
	text := fmt.Sprintf("%s: %s", what, exit.Reason)
	if exit.Detail != "" {
		text += ": " + exit.Detail
	}
	return errdefs.New(errdefs.ErrUnavailable, "", "%s", text)
}
