// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"fmt"
	"time"

	"arcbox.dev/runtime/errdefs"
)

// slowest is the time in ns that an instruction of the trial's loop may take if a
// CPU executes it. CPUs take well under 1 ns, under nested virtualization too, and
// 2 ns where a CPU with virtualization is emulated; interpreters take hundreds.
const slowest = 20

// speed is what the trial found: the best of its runs.
type speed struct {
	instruction float64       // ns; 0 if no run was long enough
	exit        time.Duration // one entry and exit; 0 if there was none
}

// addExit takes in a run that did as good as nothing.
func (s *speed) addExit(took time.Duration) {
	if s.exit == 0 || took < s.exit {
		s.exit = took
	}
}

// addRun takes in a run of so many instructions.
func (s *speed) addRun(instructions uint64, took time.Duration) {
	if instructions == 0 {
		return
	}
	each := float64(took) / float64(instructions)
	if s.instruction == 0 || each < s.instruction {
		s.instruction = each
	}
}

// notes are the figures for a reader.
func (s *speed) notes() []string {
	if s.instruction == 0 {
		return nil
	}
	return []string{
		fmt.Sprintf("an instruction of guest kernel code takes %s (a CPU takes less than 1 ns)", nanoseconds(s.instruction)),
		fmt.Sprintf("entering and leaving the guest takes %s", nanoseconds(float64(s.exit))),
	}
}

// verdict is nil if a CPU executes the guest's kernel code.
func (s *speed) verdict() error {
	switch {
	case s.instruction == 0:
		return cannotRun("too little was done to measure it in %v", trialLimit)
	case s.instruction > slowest:
		return errdefs.New(errdefs.ErrNotSupported,
			"use the uml driver here; kvm needs a host with VT-x or AMD-V or, if that is a VM itself, nested virtualization",
			"KVM is present but interprets kernel code")
	}
	return nil
}

// nanoseconds prints a time with three digits that count.
func nanoseconds(ns float64) string {
	for _, unit := range []struct {
		name string
		size float64
	}{{"ms", 1e6}, {"µs", 1e3}} {
		if ns >= unit.size {
			return fmt.Sprintf("%.3g %s", ns/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%.3g ns", ns)
}
