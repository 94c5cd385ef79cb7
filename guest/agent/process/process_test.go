// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package process_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/process"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shell(script string) (string, []string, *syscall.ProcAttr) {
	return "/bin/sh", []string{"sh", "-c", script}, &syscall.ProcAttr{Files: []uintptr{0, 1, 2}}
}

func TestStart(t *testing.T) {
	r := process.NewReaper(false)
	defer r.Close()
	checkReaper(t, r)
}

// TestStartAsInit runs checkReaper and more as process 1 of a PID namespace.
func TestStartAsInit(t *testing.T) {
	if os.Getpid() != 1 {
		runAsInit(t)
		return
	}
	r := process.NewReaper(true)
	defer r.Close()
	checkReaper(t, r)

	// Orphans of all kinds: ended before and after their parent, and many at once.
	c, err := r.Start(shell("for i in $(seq 50); do (true &) ; (sleep 0.05 &) ; done"))
	require.NoError(t, err)
	<-c.Done()
	require.Eventually(t, func() bool {
		return unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil) == unix.ECHILD
	}, 5*time.Second, 5*time.Millisecond, "orphans are not reaped")
}

// runAsInit runs the test of the same name in a PID namespace of its own.
func runAsInit(t *testing.T) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		t.Skip("this user may not make PID namespaces")
	}
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: "+t.Name())
}

func checkReaper(t *testing.T, r *process.Reaper) {
	for _, tt := range []struct {
		script       string
		code, signal int
	}{
		{"exit 0", 0, -1},
		{"exit 42", 42, -1},
		{"kill -TERM $$", -1, 15},
	} {
		c, err := r.Start(shell(tt.script))
		require.NoError(t, err)
		<-c.Done()
		require.Equal(t, tt.code, c.Status().ExitStatus(), tt.script)
		require.EqualValues(t, tt.signal, c.Status().Signal(), tt.script)
		require.Equal(t, unix.ESRCH, c.Signal(unix.SIGKILL), "it has ended")
	}

	c, err := r.Start(shell("exec sleep 100"))
	require.NoError(t, err)
	require.NoError(t, c.Signal(0))
	require.NoError(t, c.Signal(unix.SIGKILL))
	<-c.Done()
	require.Equal(t, unix.SIGKILL, c.Status().Signal())

	// Failures to start come between others' starts and ends.
	var all sync.WaitGroup
	for i := range 30 {
		all.Go(func() {
			c, err := r.Start(shell(fmt.Sprintf("exit %d", i)))
			if err != nil {
				t.Errorf("starting: %v", err)
				return
			}
			<-c.Done()
			if got := c.Status().ExitStatus(); got != i {
				t.Errorf("status: got %d, want %d", got, i)
			}
		})
		all.Go(func() {
			_, err := r.Start("/no/such/program", []string{"x"}, new(syscall.ProcAttr))
			if err != unix.ENOENT {
				t.Errorf("starting nothing: %v", err)
			}
		})
	}
	all.Wait()
}

func TestExec(t *testing.T) {
	files := map[string]error{ // what execve says of each
		"/a/tool": unix.EACCES, "/b/tool": nil, "/b/broken": unix.ENOEXEC, "/c/denied": unix.EACCES, "./here": nil,
	}
	try := func(path string) error {
		if err, ok := files[path]; ok {
			return err
		}
		return unix.ENOENT
	}
	for _, tt := range []struct {
		name, path string
		kind       process.Kind
		err        string // none if empty
	}{
		{"/b/tool", "", 0, ""},
		{"tool", "PATH=/x:/a:/b", 0, ""},
		{"here", "PATH=/x:", 0, ""},
		{"here", "PATH=/x::/a", 0, ""},
		{"", "PATH=/b", process.KindInvalid, "no command"},
		{"tool", "PATH=/x", process.KindNotFound, `exec "tool": executable file not found in $PATH`},
		{"tool", "", process.KindNotFound, "not found in $PATH"},
		{"denied", "PATH=/a:/c:/b", process.KindNotExecutable, `exec "denied": permission denied`},
		{"broken", "PATH=/a:/b", process.KindNotExecutable, "exec format error"},
		{"/no/tool", "PATH=/b", process.KindNotFound, `exec "/no/tool": no such file or directory`},
	} {
		t.Run(tt.name+" "+tt.path, func(t *testing.T) {
			err := process.Exec(tt.name, []string{tt.path}, try)
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
			require.Equal(t, tt.kind, process.KindOf(err))
		})
	}
}

func TestEnvironment(t *testing.T) {
	got := process.Environment([]string{"B=2", "A=x=y", "B=3", "C"}, "A=default", "C=default", "D=default")
	require.Equal(t, "C=default D=default B=2 A=x=y B=3 C", strings.Join(got, " "))
	value, ok := process.Lookup(got, "B")
	require.True(t, ok)
	require.Equal(t, "3", value)
	_, ok = process.Lookup(got, "E")
	require.False(t, ok)
}
