// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"arcbox.dev/bench/count"
	"arcbox.dev/guest/initramfs"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/hypervisor/kvm"
	"arcbox.dev/runtime/paths"
	"arcbox.dev/runtime/vmproc"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/arcbox"
	"arcbox.dev/scenarios/target/microvm"
	"arcbox.dev/scenarios/target/qemu"
	"arcbox.dev/scenarios/target/rootfs"
	"arcbox.dev/scenarios/worker"
)

// parts are the programs that lie beside this one.
type parts struct{ vmm, agent, profilingAgent, probe string }

func partsBeside() (parts, error) {
	self, err := os.Executable()
	if err != nil {
		return parts{}, fmt.Errorf("finding this program: %w", err)
	}
	beside := func(name string) string { return filepath.Join(filepath.Dir(self), name) }
	return parts{
		vmm: beside("arcbox-vmm"), probe: beside("arcbox-probe"),
		agent: beside("arcbox-agent"), profilingAgent: beside("arcbox-agent-profile"),
	}, nil
}

// beThere fails where one of the programs is not there.
func beThere(programs ...string) error {
	for _, path := range programs {
		if _, err := os.Stat(path); err != nil {
			return &target.MissingError{What: filepath.Base(path) + " is not beside this program", Remedy: "run make build"}
		}
	}
	return nil
}

// arcboxTarget makes ArcBox itself a target.
func arcboxTarget(driver string, origin kernel.Origin) newTarget {
	return func(vm machine) target.Target {
		return arcbox.New(arcbox.Config{
			Open:    func() (*core.Runtime, error) { return openRuntime(driver, origin, vm) },
			Boot:    core.BootConfig{Driver: driver, Kernel: origin, CPUs: vm.cpus, Memory: vm.memory},
			Tool:    vm.parts.probe,
			Profile: vm.profiles,
		})
	}
}

func openRuntime(driver string, origin kernel.Origin, vm machine) (*core.Runtime, error) {
	where, err := paths.Of(os.Getenv)
	if err != nil {
		return nil, err
	}
	agent := vm.parts.agent
	if vm.profiles != "" {
		agent = vm.parts.profilingAgent
	}
	if err := beThere(vm.parts.vmm, agent, vm.parts.probe); err != nil {
		return nil, err
	}
	return core.New(core.Options{
		Paths:   where,
		Drivers: []core.Driver{coreDriver(driver, origin, vm)},
		Agent:   agent,
	})
}

// coreDriver is the driver with what its guests need. A guest of the kvm driver has
// the modules for QEMU's devices too: where both boot the packaged kernel with
// hardware virtualization, they boot it with the same initramfs.
func coreDriver(driver string, origin kernel.Origin, vm machine) core.Driver {
	d := core.Driver{Hypervisor: &vmproc.Launcher{VMM: vm.parts.vmm, Driver: driver, Profile: vm.profiles, Namespaces: driver == "kvm"}, Flavour: kernel.UML}
	if driver == "kvm" {
		d.Flavour, d.Modules = kernel.VM, kvm.Modules
		if origin == kernel.Packaged {
			d.Modules = slices.Concat(kvm.Modules, qemu.Modules)
		}
	}
	return d
}

// qemuTarget makes plain QEMU a target, with our agent in the cloud kernel.
func qemuTarget(accel string) newTarget {
	return func(vm machine) target.Target { return qemu.New(qemuConfig(vm, accel)) }
}

// countingTarget makes the QEMU that counts instructions a target.
func countingTarget(vm machine) target.Target { return qemu.NewCounting(qemuConfig(vm, "")) }

func qemuConfig(vm machine, accel string) qemu.Config {
	return qemu.Config{Accel: accel, CPUs: vm.cpus, Memory: vm.memory, Guest: func(ctx context.Context) (qemu.Guest, error) {
		modules := qemu.Modules
		if accel == "kvm" {
			modules = slices.Concat(kvm.Modules, qemu.Modules, core.Modules)
		}
		return cloudGuest(ctx, vm.parts, modules)
	}}
}

func firecrackerTarget(vm machine) target.Target { return microvm.Firecracker(microvmConfig(vm)) }

func cloudHypervisorTarget(vm machine) target.Target {
	return microvm.CloudHypervisor(microvmConfig(vm))
}

func microvmConfig(vm machine) microvm.Config {
	return microvm.Config{CPUs: vm.cpus, Memory: vm.memory, Guest: func(ctx context.Context) (microvm.Guest, error) {
		g, err := cloudGuest(ctx, vm.parts, microvm.Modules)
		return microvm.Guest(g), err
	}}
}

// cloudGuest gets the distribution's cloud kernel, which is downloaded where it is
// not in the cache, and makes its initramfs: with the agent, and with the lab's own
// program too.
func cloudGuest(ctx context.Context, p parts, modules []string) (qemu.Guest, error) {
	where, err := paths.Of(os.Getenv)
	if err != nil {
		return qemu.Guest{}, err
	}
	if err := beThere(p.agent, p.probe); err != nil {
		return qemu.Guest{}, err
	}
	k, err := kernel.FetchCloud(ctx, where.Cache)
	if err != nil {
		return qemu.Guest{}, err
	}
	elf, err := k.Uncompressed()
	if err != nil {
		return qemu.Guest{}, err
	}
	files, err := k.Modules(modules...)
	if err != nil {
		return qemu.Guest{}, err
	}
	spec := initramfs.Spec{Init: p.agent, Modules: files}
	g := qemu.Guest{
		Kernel: elf, Tool: rootfs.Tool,
		Version: strings.TrimSpace(fmt.Sprintf("Linux %s, %s, sha256 %s", k.Release, k.Origin, k.Digest)),
	}
	cache := filepath.Join(where.Cache, "initramfs")
	if g.Initramfs, err = initramfs.Cached(cache, spec); err != nil {
		return qemu.Guest{}, err
	}
	spec.Files = slices.Concat(spec.Files, []initramfs.File{{Name: rootfs.Tool, Mode: 0o755, Source: p.probe}})
	g.WithTool, err = initramfs.Cached(cache, spec)
	return g, err
}

// meters count around each sample of a worker.
func meters() []worker.Meter {
	if tree == nil {
		return nil
	}
	return []worker.Meter{tree, &count.Heap{}}
}

// countsFlag asks a worker to count.
const countsFlag = "--counts"

// tree counts what this process and all below it do, and uncounted is why it cannot;
// see beginWorker. Both are nil where nobody asked for counts.
var (
	tree      *count.Tree
	uncounted error
)

// canCount says why nothing can be counted, if so.
func canCount() error { return uncounted }

// beginWorker makes this process a worker where the lab started it as one, before
// anything else is done in it.
func beginWorker(args []string) {
	if len(args) < 2 || args[1] != "worker" {
		return
	}
	worker.Guard()
	if slices.Contains(args, countsFlag) {
		tree, uncounted = count.Reexec()
	}
}
