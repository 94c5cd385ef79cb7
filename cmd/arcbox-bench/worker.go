// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"strconv"

	"github.com/spf13/cobra"

	"arcbox.dev/bench/profile/folder"
	"arcbox.dev/scenarios/counts"
	"arcbox.dev/scenarios/suite"
	"arcbox.dev/scenarios/worker"
)

// workerOptions are the flags of the worker command.
type workerOptions struct {
	target    string
	cpus      int
	memoryMiB uint64
	counts    bool
	profile   string
}

// workerCommand is what the lab starts for each target, see package worker.
func workerCommand() *cobra.Command {
	var o workerOptions
	cmd := &cobra.Command{
		Use:    "worker",
		Short:  "Measure one target for the lab that started this",
		Hidden: true,
		Args:   noArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			entries, err := pick("target", targets, []string{o.target})
			if err != nil {
				return err
			}
			conn, err := worker.Conn()
			if err != nil {
				return err
			}
			var c worker.Catalog
			if o.counts {
				c.Meters = meters()
			}
			for _, s := range scenarios {
				if _, counted := s.value.(counts.Scenario); counted == o.counts {
					c.Scenarios = append(c.Scenarios, s.value)
				}
			}
			beside, err := partsBeside()
			if err != nil {
				return err
			}
			vm := machine{cpus: o.cpus, memory: o.memoryMiB << 20, parts: beside}
			if o.profile != "" {
				collector, err := folder.NewCollector(o.profile)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, collector.Close()) }()
				c.Scenarios, vm.profiles = profiled(c.Scenarios, collector), collector.Pieces()
			}
			c.Target = entries[0].value(vm)
			return worker.Serve(cmd.Context(), conn, c)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.target, "target", "", "target")
	f.IntVar(&o.cpus, "cpus", 1, "CPUs of each VM")
	f.Uint64Var(&o.memoryMiB, "memory", 256, "memory of each VM, in MiB")
	f.BoolVar(&o.counts, "counts", false, "count system calls and the like, for the scenarios that are about these")
	f.StringVar(&o.profile, "profile", "", "folder for profiles of every sample")
	return cmd
}

// workerArgs is the command line of a worker for the target with the run's VMs.
func workerArgs(target string, run suite.Run) []string {
	args := []string{"worker", "--target", target,
		"--cpus", strconv.Itoa(run.CPUs), "--memory", strconv.FormatUint(run.Memory>>20, 10)}
	if run.Counted {
		args = append(args, countsFlag)
	}
	return args
}
