// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// probe is this program as arcbox-probe.
func probe(args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), asProbe+"=1")
	return cmd
}

func TestExitCode(t *testing.T) {
	require.NoError(t, probe().Run())
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"other"}, 2, "arcbox-probe: " + usage + "\n"},
		{[]string{"cache", "/none", "5"}, 1, "arcbox-probe: open /none/"},
	} {
		cmd := probe(tc.args...)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		var exit *exec.ExitError
		require.ErrorAs(t, cmd.Run(), &exit)
		require.Equal(t, tc.code, exit.ExitCode())
		require.Contains(t, stderr.String(), tc.says)
	}
}

// TestWait: it ends with status 0 at either signal, also as the first process of a
// PID namespace, to which the kernel passes on only what it asked for.
func TestWait(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for name, namespaces := range map[string]uintptr{"process": 0, "init": syscall.CLONE_NEWUSER | syscall.CLONE_NEWPID} {
			t.Run(fmt.Sprintf("%s/%v", name, signal), func(t *testing.T) {
				cmd := probe("wait")
				cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Pdeathsig: syscall.SIGKILL}
				err := cmd.Start()
				if namespaces != 0 && (errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.ENOSPC)) {
					t.Skip("this host gives no user namespaces")
				}
				require.NoError(t, err)
				t.Cleanup(func() { cmd.Process.Kill() })
				require.Eventually(t, func() bool { return reaps(t, cmd.Process.Pid) }, time.Minute, time.Millisecond)
				require.NoError(t, cmd.Process.Signal(signal))
				require.NoError(t, cmd.Wait())
			})
		}
	}
}

// reaps tells whether a process ignores SIGCHLD (proc_pid_status(5), SigIgn), which
// is the last thing that wait sets up.
func reaps(t *testing.T, pid int) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	require.NoError(t, err)
	_, rest, _ := strings.Cut(string(status), "SigIgn:")
	line, _, _ := strings.Cut(rest, "\n")
	mask, err := strconv.ParseUint(strings.TrimSpace(line), 16, 64)
	require.NoError(t, err)
	return mask&(1<<(syscall.SIGCHLD-1)) != 0
}
