// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"slices"
	"strings"

	"arcbox.dev/scenarios/boot"
	"arcbox.dev/scenarios/counts"
	"arcbox.dev/scenarios/density"
	"arcbox.dev/scenarios/exec"
	"arcbox.dev/scenarios/instructions"
	"arcbox.dev/scenarios/memory"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/suite"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/desktop"
	"arcbox.dev/scenarios/target/engine"
	"arcbox.dev/scenarios/target/host"
	"arcbox.dev/scenarios/target/runc"
	"arcbox.dev/scenarios/target/tool"
)

// The scenarios whose samples are counted while they are taken, which slows them
// down: each is measured by a worker of its own.
const (
	bootCounts = "BootCounts"
	execCounts = "ExecCounts"
)

// entry is something that a user can name, with a line about it.
type entry[T any] struct {
	name, about string
	value       T
}

// scenarios are what can be measured.
var scenarios = []entry[scenario.Scenario]{
	{"boot", "cold boot: from a request to each moment up to the first process, and the stop", boot.Cold{}},
	{"hotboot", "the same from a snapshot of a booted VM", boot.Hot{}},
	{"memory", "what an idle VM costs the host in memory, by process and kind", memory.Idle{}},
	{"load", "the same after a load, and how long until the memory is given back", memory.AfterLoad{}},
	{"exec", "how long a process in a running instance takes, from its start to its end", exec.Scenario{}},
	{"density", "how many idle VMs fit into a limit of memory, and what each costs", density.Scenario{}},
	{"counts", "system calls, page faults and allocations of a cold boot", counts.Scenario{Scenario: boot.Cold{}, Title: bootCounts, Can: canCount}},
	{"execcounts", "the same of processes in a running instance", counts.Scenario{Scenario: exec.Scenario{}, Title: execCounts, Can: canCount}},
	{"instructions", "guest instructions to the agent's answer, whatever the host", instructions.Guest{}},
}

// newTarget makes a target for such VMs.
type newTarget func(vm machine) target.Target

// machine says which VMs are measured, and with which programs.
type machine struct {
	cpus   int
	memory uint64 // bytes
	// parts are the programs that lie beside this one.
	parts parts
	// profiles is a folder for the profiles of each VM; "" keeps none.
	profiles string
}

// targets are what it can be measured on.
var targets = []entry[newTarget]{
	{"uml:lean", "ArcBox, driver uml, our lean kernel", arcboxTarget("uml", "lean")},
	{"uml:packaged", "ArcBox, driver uml, the distribution's kernel", arcboxTarget("uml", "packaged")},
	{"kvm:lean", "ArcBox, driver kvm, our lean kernel", arcboxTarget("kvm", "lean")},
	{"kvm:packaged", "ArcBox, driver kvm, the distribution's kernel", arcboxTarget("kvm", "packaged")},
	{"host", "this host itself: processes without any box", func(vm machine) target.Target { return host.New(vm.parts.probe) }},
	{"qemu", "plain QEMU with the distribution's cloud kernel, by KVM where that runs kernels", qemuTarget("")},
	{"qemu:kvm", "the same, by KVM only", qemuTarget("kvm")},
	{"qemu:tcg", "the same, in software only", qemuTarget("tcg")},
	{"qemu:icount", "the same, in software that counts instructions", countingTarget},
	{"firecracker", "Firecracker with the same kernel", firecrackerTarget},
	{"cloud-hypervisor", "Cloud Hypervisor with the same kernel", cloudHypervisorTarget},
	{"runc", "a container by runc, without an engine", func(vm machine) target.Target { return runc.New("runc", vm.parts.probe) }},
	{"crun", "a container by crun, without an engine", func(vm machine) target.Target { return runc.New("crun", vm.parts.probe) }},
	{"podman", "a container by podman", func(vm machine) target.Target { return engine.Podman(vm.parts.probe) }},
	{"docker", "a container by the Docker engine", func(vm machine) target.Target { return engine.Docker(vm.parts.probe) }},
	{"passt", "network in user mode, for network scenarios", func(machine) target.Target { return tool.New(tool.Passt) }},
	{"slirp4netns", "network in user mode, for network scenarios", func(machine) target.Target { return tool.New(tool.Slirp4netns) }},
	{"virtiofsd", "shared folders, for file scenarios", func(machine) target.Target { return tool.New(tool.Virtiofsd) }},
	{"orbstack", "OrbStack, on macOS", func(vm machine) target.Target { return desktop.OrbStack(vm.parts.probe) }},
	{"docker-desktop", "Docker Desktop, on macOS", func(vm machine) target.Target { return desktop.DockerDesktop(vm.parts.probe) }},
	{"colima", "Colima, on macOS", func(vm machine) target.Target { return desktop.Colima(vm.parts.probe) }},
	{"lima", "Lima, on macOS", func(machine) target.Target { return desktop.Lima() }},
	{"container", "Apple's container, on macOS", func(vm machine) target.Target { return desktop.AppleContainer(vm.parts.probe) }},
}

// usualTargets are measured when the user names none.
var usualTargets = []string{"uml:lean", "uml:packaged", "qemu"}

// pick returns the entries of the given names, in that order and each once.
func pick[T any](kind string, from []entry[T], names []string) ([]entry[T], error) {
	var out []entry[T]
	for i, name := range names {
		at := slices.IndexFunc(from, func(e entry[T]) bool { return e.name == name })
		if at < 0 {
			var known []string
			for _, e := range from {
				known = append(known, e.name)
			}
			return nil, usageError{fmt.Errorf("there is no %s %q (there are %s)", kind, name, strings.Join(known, ", "))}
		}
		if !slices.Contains(names[:i], name) {
			out = append(out, from[at])
		}
	}
	return out, nil
}

// resolve replaces the names of a suite's scenarios by those that workers and
// benchmarks have, and finds names that nobody knows.
func resolve(runs []suite.Run) ([]suite.Run, error) {
	runs = slices.Clone(runs)
	for i, r := range runs {
		found, err := pick("scenario", scenarios, []string{r.Scenario})
		if err != nil {
			return nil, err
		}
		if _, err := pick("target", targets, r.Targets); err != nil {
			return nil, err
		}
		_, counted := found[0].value.(counts.Scenario)
		runs[i].Scenario, runs[i].Counted = found[0].value.Name(), counted
	}
	return runs, nil
}
