// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/hypervisor/host"
)

const (
	// orderlyEnd is how long a worker whose lab is gone may take to end by itself,
	// which is longer than what Serve allows a scenario.
	orderlyEnd = stopGrace + 5*time.Second
	// sweepLimit is how long processes that were killed may take to be gone.
	sweepLimit = 10 * time.Second
	sweepPause = 2 * time.Millisecond
)

// Guard is the first thing that a program that is a worker calls. In the process
// that the lab started it does not return: that is the guard, which starts the
// program again, as the worker, and outlives it. Whatever the worker and the
// processes below it leave behind becomes the guard's child, see
// PR_SET_CHILD_SUBREAPER(2const), and is killed when the worker has ended, when the
// lab says so with SIGTERM, or, after time for an orderly end, when the lab is gone.
// In a process that no lab started Guard does nothing.
func Guard() {
	if os.Getenv(envRole) != roleGuard {
		return
	}
	// The worker dies with the thread that starts it, so that thread stays.
	runtime.LockOSThread()
	status, err := guard()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(status)
}

// guard starts the worker and returns the exit status once nothing of it is left.
func guard() (status int, err error) {
	const failed = 1
	terminate := make(chan os.Signal, 1)
	signal.Notify(terminate, syscall.SIGTERM)
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return failed, fmt.Errorf("becoming the reaper of what a worker leaves: %w", err)
	}
	unix.CloseOnExec(lifelineFD)
	gone := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, os.NewFile(lifelineFD, "lifeline"))
		close(gone)
	}()
	worker, err := startGuarded()
	if err != nil {
		return failed, err
	}
	ended, alone := reap(worker)

	var orderly <-chan time.Time
	for waiting := true; waiting; {
		select {
		case s := <-ended:
			status, err = statusOf(s)
			waiting = false
		case <-terminate:
			status, waiting = failed, false
		case <-orderly:
			status, waiting = failed, false
		case <-gone:
			gone, orderly = nil, time.After(orderlyEnd)
		}
	}
	return status, errors.Join(err, sweep(alone))
}

// startGuarded starts this program again, as the worker, and returns its number.
func startGuarded() (int, error) {
	conn := os.NewFile(connFD, "lab")
	defer conn.Close() // so that the lab sees the worker's end
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: os.Args, Env: append(os.Environ(), envRole+"="+roleServe),
		Stdout: os.Stdout, Stderr: os.Stderr, ExtraFiles: []*os.File{conn},
		SysProcAttr: &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("starting the worker: %w", err)
	}
	pid := cmd.Process.Pid
	return pid, cmd.Process.Release() // reap waits for it
}

// reap waits for every child. It tells how the worker ended, and closes alone when
// no child is left.
func reap(worker int) (ended <-chan syscall.WaitStatus, alone <-chan struct{}) {
	statuses, none := make(chan syscall.WaitStatus, 1), make(chan struct{})
	go func() {
		defer close(none)
		for {
			var status syscall.WaitStatus
			pid, err := syscall.Wait4(-1, &status, 0, nil)
			switch {
			case errors.Is(err, syscall.EINTR):
			case err != nil: // no child
				return
			case pid == worker:
				statuses <- status
			}
		}
	}()
	return statuses, none
}

// statusOf is the exit status by which a shell would tell how a process ended, and a
// word on it where a signal ended it.
func statusOf(s syscall.WaitStatus) (int, error) {
	if s.Signaled() {
		return 128 + int(s.Signal()), fmt.Errorf("signal: %v", s.Signal())
	}
	return s.ExitStatus(), nil
}

// sweep kills all processes below this one, again and again until there are none,
// as they may start others until they are dead.
func sweep(alone <-chan struct{}) error {
	limit := time.After(sweepLimit)
	for {
		for _, pid := range host.Descendants(os.Getpid())[1:] {
			_ = syscall.Kill(pid, syscall.SIGKILL) // it may have just ended
		}
		select {
		case <-alone:
			return nil
		case <-limit:
			return fmt.Errorf("processes %v do not end", host.Descendants(os.Getpid())[1:])
		case <-time.After(sweepPause):
		}
	}
}
