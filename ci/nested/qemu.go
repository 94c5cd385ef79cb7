// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"arcbox.dev/ci/nested/plan"
)

// machine is what QEMU is told.
type machine struct {
	kernel, image string
	memory        int           // MiB
	limit         time.Duration // the machine is ended after it
	silence       time.Duration // and when it has said nothing for so long
}

// command is a machine with nested virtualization in software. What its kernel or the
// guests stumble over in QEMU's emulation of SVM (seen with 7.2) is kept out of the way:
//   - XSETBV of a guest is not intercepted. KVM does not hear of it and goes on with
//     another XCR0, under which the guest loses its SSE registers: no XSAVE.
//   - VMRUN notes a virtual interrupt without a lock, and may overwrite the note of a
//     timer's that came at the same moment. A timer that fires once is lost then, and
//     with it the machine: its kernel has a periodic tick, which comes again.
//   - A second processor makes that, and a kernel panic besides, many times likelier: one.
//   - With -icount, the end of a time slice just after VMRUN has injected an interrupt
//     injects it again, which locks the guest up: the clock is the host's.
func (m machine) command(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max,+svm,-la57,-pku,-xsave",
		"-smp", "1", "-m", strconv.Itoa(m.memory), "-nodefaults", "-no-user-config",
		"-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot",
		"-kernel", m.kernel, "-initrd", m.image, "-append", "console=ttyS0 panic=-1 quiet loglevel=3 mitigations=off nohz=off highres=off",
	)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// boot runs the machine to its end. What it says goes to r and to log.
func boot(outer context.Context, m machine, r *report, log io.Writer) error {
	ctx, cancel := context.WithTimeout(outer, m.limit)
	defer cancel()
	cmd := m.command(ctx)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting QEMU (ci/setup test installs it): %w", err)
	}
	silence := time.AfterFunc(m.silence, cancel)
	defer silence.Stop()
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		silence.Reset(m.silence)
		line := strings.TrimRight(lines.Text(), "\r")
		fmt.Fprintln(log, line)
		r.line(line)
	}
	_, _ = io.Copy(io.Discard, stdout) // a line that was too long ends the scan
	err = cmd.Wait()
	switch {
	case errors.Is(ctx.Err(), context.Canceled) && outer.Err() == nil:
		err = fmt.Errorf("%w: it said nothing for %v", errBroken, m.silence)
	case ctx.Err() != nil:
		err = fmt.Errorf("the machine was ended: %w", ctx.Err())
	case err != nil:
		err = fmt.Errorf("QEMU: %w: %s", err, bytes.TrimSpace(stderr.Bytes()))
	}
	return errors.Join(err, r.verdict())
}

// report follows what the machine says.
type report struct {
	out     io.Writer
	steps   int
	step    []string // what the present step has written
	passed  int
	failed  []string
	done    bool
	broken  string // the last words of the machine's kernel
	skipped int
}

// keep bounds how much of a failed step is shown, in lines.
const keep = 150

func (r *report) line(line string) {
	switch {
	case strings.HasPrefix(line, plan.Begin):
		r.step = nil
	case strings.HasPrefix(line, plan.Passed):
		r.passed++
		fmt.Fprintln(r.out, "ok   ", strings.TrimPrefix(line, plan.Passed), r.tests())
	case strings.HasPrefix(line, plan.Failed):
		name := strings.TrimPrefix(line, plan.Failed)
		r.failed = append(r.failed, name)
		fmt.Fprintf(r.out, "%s\nFAIL  %s\n", strings.Join(r.step[max(0, len(r.step)-keep):], "\n"), name)
	case line == plan.Done:
		r.done = true
	default:
		// A guest's panic is in a test's output, indented; the machine's own is not.
		if i := strings.Index(line, "] Kernel panic - "); i >= 0 && strings.HasPrefix(line, "[") {
			r.broken = line[i+2:]
		}
		r.step = append(r.step, line)
		if strings.HasPrefix(line, "RESULT ") {
			fmt.Fprintln(r.out, line)
		}
	}
}

// tests counts the tests of the present step, and names those that were skipped.
func (r *report) tests() string {
	var passed int
	var text strings.Builder
	for i, line := range r.step {
		at := strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(at, "--- PASS: "):
			passed++
		case strings.HasPrefix(at, "--- SKIP: "):
			r.skipped++
			why := ""
			if i+1 < len(r.step) {
				why = strings.TrimSpace(r.step[i+1])
			}
			fmt.Fprintf(&text, "\n      skipped %s: %s", strings.TrimPrefix(at, "--- SKIP: "), why)
		}
	}
	return fmt.Sprintf("(%d tests)%s", passed, text.String())
}

// errBroken: the machine's own kernel panicked, or stood still.
var errBroken = errors.New("the emulated machine broke down")

func (r *report) verdict() error {
	switch {
	case r.broken != "":
		return fmt.Errorf("%w: %s", errBroken, r.broken)
	case len(r.failed) > 0:
		return fmt.Errorf("%d of %d steps failed: %s", len(r.failed), r.steps, strings.Join(r.failed, "; "))
	case !r.done || r.passed != r.steps:
		last := ""
		if n := len(r.step); n > 0 {
			last = strings.Join(r.step[max(0, n-20):], "\n") + "\n"
		}
		return fmt.Errorf("the machine ended after %d of %d steps; it last said:\n%s", r.passed, r.steps, last)
	}
	return nil
}
