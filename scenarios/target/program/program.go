// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package program runs the programs of the systems that the lab measures: those that
// do one thing and end, and those that last as long as an instance. What they write
// is kept within bounds, and an error carries their last words.
package program

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target"
)

// Find looks for a program on the PATH.
func Find(name, remedy string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", &target.MissingError{What: name + " is not installed", Remedy: remedy}
	}
	return path, nil
}

// Command is a program with its arguments.
type Command struct {
	Path string
	Args []string
	Env  []string // NAME=value each, added to the lab's own
	// Silent lets its output go nowhere. So it must be for one that leaves children
	// behind which keep its output: reading it would wait for their end.
	Silent bool
}

// Result is how a program ended.
type Result struct {
	Status client.Status
	Stdout string // at most 4 KiB, the last of it
	Words  string // the last line of its standard error
}

// lingering is how long the output may stay open once the program has ended.
const lingering = time.Second

// Run runs the command to its end. Its error says that it could not be started, or
// that ctx ended first, with which the command was killed.
func (c Command) Run(ctx context.Context) (Result, error) {
	var stdout, stderr Tail
	cmd := exec.CommandContext(ctx, c.Path, c.Args...)
	cmd.Env = append(os.Environ(), c.Env...)
	if !c.Silent {
		cmd.Stdout, cmd.Stderr = &stdout, &stderr
	}
	// A Ctrl-C at the lab's terminal is for the lab alone, which ends things in good order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = lingering
	err := cmd.Run()
	if ctx.Err() != nil {
		return Result{}, fmt.Errorf("running %s: %w", c, context.Cause(ctx))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) && !errors.Is(err, exec.ErrWaitDelay) {
		return Result{}, fmt.Errorf("running %s: %w", c, err)
	}
	return Result{Status: statusOf(cmd.ProcessState), Stdout: stdout.String(), Words: stderr.LastLine()}, nil
}

// Output runs the command and returns what it wrote to its standard output, without
// white space around it. A status other than 0 is an error.
func (c Command) Output(ctx context.Context) (string, error) {
	r, err := c.Run(ctx)
	if err != nil {
		return "", err
	}
	if r.Status != (client.Status{}) {
		return "", fmt.Errorf("running %s: %s", c, r)
	}
	return strings.TrimSpace(r.Stdout), nil
}

// Version returns the first line that the command writes.
func (c Command) Version(ctx context.Context) (string, error) {
	out, err := c.Output(ctx)
	if err != nil {
		return "", err
	}
	line, _, _ := strings.Cut(out, "\n")
	return strings.TrimSpace(line), nil
}

// String names the program and what it is to do: "runc run", not all its options.
func (c Command) String() string {
	name := filepath.Base(c.Path)
	for i, arg := range c.Args {
		if !strings.HasPrefix(arg, "-") && (i == 0 || !strings.HasPrefix(c.Args[i-1], "--")) {
			return name + " " + arg
		}
	}
	return name
}

// String says how the program ended, with its last words.
func (r Result) String() string {
	text := fmt.Sprintf("exit status %d", r.Status.Code)
	if r.Status.Signal != 0 {
		text = "signal: " + syscall.Signal(r.Status.Signal).String()
	}
	if r.Words != "" {
		text += ": " + r.Words
	}
	return text
}

// statusOf returns how a process ended.
func statusOf(state *os.ProcessState) client.Status {
	if wait, ok := state.Sys().(syscall.WaitStatus); ok && wait.Signaled() {
		return client.Status{Signal: int(wait.Signal())}
	}
	return client.Status{Code: state.ExitCode()}
}

// maxSignal is the highest number of a signal on Linux.
const maxSignal = 64

// Unshell undoes what a shell, and likewise a container engine, makes of a process
// that a signal ended: the exit status 128 and the signal's number.
func Unshell(s client.Status) client.Status {
	if s.Code > 128 && s.Code <= 128+maxSignal {
		return client.Status{Signal: s.Code - 128}
	}
	return s
}
