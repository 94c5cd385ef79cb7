// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

// Command nested tests the kvm driver on machines that have no virtualization of
// their own: QEMU emulates a machine (L1) whose processor has AMD's SVM, in software,
// and in it runs what needs KVM, guests (L2) and all.
//
//	nested [-list] [-log FILE] [-memory MIB] [STEP...]
//
// It builds the programs and static test binaries, puts them with kernels and images
// into an initramfs, boots that, and reports step by step. STEPs are names of steps,
// or the beginning of some; without any, all of CI's are done.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/ci/nested/plan"
)

func main() {
	list := flag.Bool("list", false, "list the steps, and do nothing")
	logPath := flag.String("log", "", "write all that the machine says to this `file`")
	memory := flag.Int("memory", 4096, "memory of the machine, in `MiB`")
	flag.Parse()
	if *list {
		for _, s := range steps() {
			fmt.Printf("%-24s %s\n", s.Name, strings.Join(s.Args, " "))
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := run(ctx, *logPath, *memory, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "nested:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, logPath string, memory int, names []string) error {
	chosen := choose(steps(), names)
	if len(chosen) == 0 {
		return fmt.Errorf("no step is named %s: see -list", strings.Join(names, " or "))
	}
	dir, err := os.MkdirTemp("", "arcbox-nested-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	log := io.Discard
	if logPath != "" {
		f, err := os.Create(logPath)
		if err != nil {
			return err
		}
		defer f.Close()
		log = f
	}
	begin := time.Now()
	if err := build(ctx, dir); err != nil {
		return err
	}
	fmt.Printf("nested: built in %v\n", time.Since(begin).Round(time.Second))
	return carryOut(ctx, dir, memory, chosen, log)
}

// attempts is how often a machine is started: QEMU's emulation of SVM is not beyond
// doubt, and a machine that breaks down by it is no failure of what runs there. What
// was done by then counts.
const attempts = 2

// carryOut has the steps done, in one machine where that lives for so long.
func carryOut(ctx context.Context, dir string, memory int, left []plan.Step, log io.Writer) error {
	var failed []string
	for attempt := 1; ; attempt++ {
		image := filepath.Join(dir, "image.cpio")
		kernel, err := pack(ctx, dir, image, plan.Plan{Env: environment, Steps: left})
		if err != nil {
			return err
		}
		r := report{out: os.Stdout, steps: len(left)}
		err = boot(ctx, machine{kernel: kernel, image: image, memory: memory, limit: total(left), silence: longest(left) + time.Minute}, &r, log)
		failed = append(failed, r.failed...)
		if !errors.Is(err, errBroken) || attempt == attempts || ctx.Err() != nil {
			if err == nil && len(failed) > 0 {
				err = fmt.Errorf("failed before: %s", strings.Join(failed, "; "))
			}
			return err
		}
		left = left[r.passed+len(r.failed):]
		fmt.Printf("nested: %v; once more, with %d steps\n", err, len(left))
	}
}

// choose returns the steps whose names begin with one of the names; without names,
// those of CI.
func choose(all []step, names []string) (chosen []plan.Step) {
	for _, s := range all {
		wanted := len(names) == 0 && s.ci
		for _, n := range names {
			wanted = wanted || strings.HasPrefix(s.Name, n)
		}
		if wanted {
			chosen = append(chosen, s.Step)
		}
	}
	return chosen
}

// total is how long the machine may run: what its steps may take, and its own start.
func total(steps []plan.Step) time.Duration {
	sum := 2 * time.Minute
	for _, s := range steps {
		sum += s.Limit
	}
	return sum
}

// longest is the longest that one of the steps may take. A step that hangs is ended by
// then, with its last words, if the machine still lives.
func longest(steps []plan.Step) time.Duration {
	var most time.Duration
	for _, s := range steps {
		most = max(most, s.Limit)
	}
	return most
}
