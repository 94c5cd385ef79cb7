// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
)

// meaning says what each span ends with.
var meaning = map[string]string{
	events.VMMUp:         "the VM runs",
	events.Kernel:        "the kernel's first byte",
	events.Init:          "the agent's first instruction",
	events.AgentReady:    "the agent answered",
	events.FirstExec:     "a first process ended",
	events.ContainerExit: "the container's exit status is known",
	events.Stop:          "the VM has ended",
}

// printTrace prints the spans of the boot and the memory that the VM takes.
func printTrace(w io.Writer, vm *core.VM, stats hypervisor.Stats) {
	marks := events.Since(vm.Marks(context.Background()), events.Request)
	if len(marks) == 0 {
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\nspan\tat\ttook\tends with\n")
	var last time.Duration
	for _, m := range marks[1:] {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", m.Name, ms(m.At), ms(m.At-last), meaning[m.Name])
		last = m.At
	}
	t.Flush()
	var total uint64
	for _, p := range stats.Processes {
		total += p.PSS
	}
	name := vm.Kernel.Path
	if vm.Kernel.Release != "" {
		name = fmt.Sprintf("%s (%s)", vm.Kernel.Release, vm.Kernel.Origin)
	}
	fmt.Fprintf(w, "\nkernel %s, %d processes on the host, %.1f MiB of its memory\n", name, len(stats.Processes), float64(total)/(1<<20))
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond)) }
