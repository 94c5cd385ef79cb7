// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package microvm makes the small virtual machine monitors Firecracker and Cloud
// Hypervisor rivals for the lab: the same agent in a kernel that the caller names,
// with no device but a console and a vsock.
//
// Both monitors offer a guest's vsock as unix sockets (hybrid vsock): they listen on
// one for connections to the guest, and connect to another, whose name ends in the
// port, for those from the guest (Firecracker, docs/vsock.md). Both need KVM.
package microvm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/program"
	"arcbox.dev/scenarios/target/trial"
	"arcbox.dev/scenarios/target/workspace"
)

// Guest is what VMs boot.
type Guest struct {
	Kernel    string // path; uncompressed, with a PVH entry for Cloud Hypervisor
	Initramfs string // path; holds the agent and those of Modules that are modules
	WithTool  string // path of one that holds the lab's own program too
	Tool      string // that program's path in the guest
	Version   string // of all, for the record
}

// with returns the path of the initramfs with that content.
func (g Guest) with(content target.Content) string {
	if content == target.WithTool {
		return g.WithTool
	}
	return g.Initramfs
}

// Modules are the kernel modules, where they are modules, that a guest needs for its
// agent to be reached.
var Modules = []string{"virtio_mmio", "virtio_pci", "vmw_vsock_virtio_transport"}

// Config says what to measure.
type Config struct {
	CPUs   int
	Memory uint64 // bytes
	// Guest finds or makes what is booted. It is called once, before any measurement.
	Guest func(context.Context) (Guest, error)
	// KVM says why KVM does not really run kernels on this host, if so. With nil the
	// first boot tells.
	KVM func(context.Context) error
}

// Target is such a monitor as a target.
type Target struct {
	monitor monitor
	config  Config
	program string // its path, from Check on
	version string
	guest   Guest             // from Prepare on
	folder  *workspace.Folder // from Prepare to Clean
	booted  int               // VMs so far
}

// monitor is in what the two differ.
type monitor struct {
	name, remedy string
	// command writes what the monitor needs into the VM's folder and returns its arguments.
	command func(m machine) ([]string, error)
	// reboots: the monitor ends when the guest reboots, not when it powers off.
	reboots bool
}

// machine is one VM to be.
type machine struct {
	cpus      int
	memory    uint64 // MiB
	kernel    string // path
	initramfs string // path
	dir       string // its own folder
	socket    string // path of its vsock
}

var _ target.Booter = (*Target)(nil)

// device is where Linux has KVM.
const device = "/dev/kvm"

// Name returns the monitor's name.
func (t *Target) Name() string { return t.monitor.name }

// Check looks for the monitor and for a KVM that runs kernels.
func (t *Target) Check(ctx context.Context) (err error) {
	if t.program, err = program.Find(t.monitor.name, t.monitor.remedy); err != nil {
		return err
	}
	version, err := program.Command{Path: t.program, Args: []string{"--version"}}.Version(ctx)
	if err != nil {
		return err
	}
	t.version = version
	f, err := os.OpenFile(device, os.O_RDWR, 0)
	if err == nil {
		err = f.Close()
	}
	if err == nil && t.config.KVM != nil {
		err = t.config.KVM(ctx)
	}
	if err != nil {
		return &target.MissingError{What: fmt.Sprintf("%s is there and needs KVM: %v", version, err), Remedy: "measure on a host with hardware virtualization"}
	}
	return nil
}

// trialLimit is how long the first boot may take. With hardware virtualization a
// kernel is up in a second.
const trialLimit = 10 * time.Second

// Prepare gets the guest and boots one on trial.
func (t *Target) Prepare(ctx context.Context) (err error) {
	if t.guest, err = t.config.Guest(ctx); err != nil {
		return fmt.Errorf("getting a guest for %s: %w", t.monitor.name, err)
	}
	// What runs from a folder that was left has died with its lab.
	if t.folder, err = workspace.Make(t.monitor.name, func(string) error { return nil }); err != nil {
		return err
	}
	err = trial.Run(ctx, trialLimit, func(ctx context.Context) (target.Instance, error) { return t.Boot(ctx, target.WithTool) })
	if err != nil {
		return errors.Join(err, t.Clean())
	}
	return nil
}

// Labels tells the monitor alone.
func (t *Target) Labels() []record.Label {
	return []record.Label{{Key: "target", Value: t.monitor.name}}
}

// Version names the monitor and the guest.
func (t *Target) Version() string { return t.version + "; " + t.guest.Version }

// Clean removes the folder of the VMs.
func (t *Target) Clean() error {
	if t.folder == nil {
		return nil
	}
	err := t.folder.Remove()
	t.folder = nil
	return err
}
