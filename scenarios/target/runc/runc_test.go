// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package runc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/programtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCheckMissing(t *testing.T) {
	programtest.Missing(t)
	err := New("runc", "").Check(t.Context())
	require.ErrorIs(t, err, target.ErrMissing)
	require.EqualError(t, err, "runc is not installed (install the package runc)")
}

func TestCheckWithoutTool(t *testing.T) {
	programtest.Fake(t, "runc", "exit 0")
	err := New("runc", filepath.Join(t.TempDir(), "none")).Check(t.Context())
	require.ErrorIs(t, err, target.ErrMissing)
	if os.Geteuid() != 0 {
		require.ErrorContains(t, err, "run the lab as root")
		return
	}
	require.ErrorContains(t, err, "run make build")
}

func TestAdapt(t *testing.T) {
	got, err := adapt([]byte(`{"ociVersion":"1.0.2","process":{"args":["sh"],"terminal":true,"cwd":"/"},"root":{"path":"x","readonly":true},"hostname":"h"}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"ociVersion":"1.0.2","process":{"args":["/arcbox-probe","wait"],"terminal":false,"cwd":"/"},"root":{"path":"rootfs","readonly":false},"hostname":"h"}`, string(got))
	for _, bad := range []string{"", "[]", "{}", `{"process":{}}`, `{"process":{},"root":3}`, `{"process":`} {
		_, err := adapt([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}

func FuzzAdapt(f *testing.F) {
	f.Add([]byte(`{"process":{"args":["sh"]},"root":{}}`))
	f.Fuzz(func(t *testing.T, proposed []byte) {
		got, err := adapt(proposed)
		require.NotEqual(t, got == nil, err == nil)
		if err == nil {
			require.Contains(t, string(got), "arcbox-probe")
		}
	})
}

func TestLastError(t *testing.T) {
	path := filepath.Join(t.TempDir(), "log")
	require.Empty(t, lastError(path))
	require.NoError(t, os.WriteFile(path, []byte(`{"level":"error","msg":"first"}
{"level":"error","msg":"no \u001b[31msuch\nfile"}
{"level":"warning","msg":"old kernel"}
no JSON
`), 0o600))
	require.Equal(t, "no  [31msuch file", lastError(path))
}

// TestPrepareThatFails leaves nothing and gives the runtime's own reason.
func TestPrepareThatFails(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"no version", `exit 3`, "running runc: exit status 3"},
		{"no bundle", `[ "$1" = --version ] && exit; echo 'bad flag' >&2; exit 1`, "running runc spec: exit status 1: bad flag"},
		{"bad bundle", `[ "$1" = spec ] && echo '{}' >$3/config.json; exit 0`, errConfig.Error()},
		{"no container", `case "$*" in
			spec*) echo '{"process":{},"root":{}}' >$3/config.json ;;
			*" run "*) echo '{"level":"error","msg":"no cgroups"}' >>$4; exit 1 ;;
			esac`, "starting one on trial: running runc run: exit status 1: no cgroups"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := programtest.Workspace(t)
			r := New("runc", programtest.Tool(t))
			r.program = programtest.Fake(t, "runc", tc.script)
			require.ErrorContains(t, r.Prepare(t.Context()), tc.want)
			programtest.RequireEmpty(t, dir)
		})
	}
}

// working returns a prepared target of a runtime that works here.
func working(t *testing.T, name string) *Target {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		t.Skipf("%s is not installed", name)
	}
	if os.Geteuid() != 0 {
		t.Skip("containers of " + name + " need root")
	}
	r := New(name, programtest.Build(t))
	require.NoError(t, r.Check(t.Context()))
	err := r.Prepare(t.Context())
	if err != nil && strings.Contains(err.Error(), "hybrid mode") {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.Clean()) })
	require.NotEmpty(t, r.Version())
	return r
}

// cgroups returns the control groups of the container.
func cgroups(t *testing.T, id string) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"/sys/fs/cgroup/" + id, "/sys/fs/cgroup/*/" + id, "/sys/fs/cgroup/*/*/" + id, "/sys/fs/cgroup/*/*/*/" + id} {
		paths, err := filepath.Glob(pattern)
		require.NoError(t, err)
		found = append(found, paths...)
	}
	return found
}

func gone(t *testing.T, c *container) {
	t.Helper()
	require.NoDirExists(t, c.dir)
	require.Empty(t, cgroups(t, c.id))
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(c.pid) + "/stat")
	require.True(t, err != nil || strings.Contains(string(stat), ") Z "), "%s", stat)
	left, err := filepath.Glob(filepath.Join(c.state, "*"))
	require.NoError(t, err)
	require.Empty(t, left)
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), c.id)
}

func TestContainer(t *testing.T) {
	for _, name := range []string{"runc", "crun"} {
		t.Run(name, func(t *testing.T) {
			dir := programtest.Workspace(t)
			r := working(t, name)
			instance, err := r.Start(t.Context())
			require.NoError(t, err)
			c := instance.(*container)
			require.NotEmpty(t, cgroups(t, c.id))

			status, err := c.Exec(t.Context(), c.Tool())
			require.NoError(t, err)
			require.Equal(t, client.Status{}, status)
			status, err = c.Exec(t.Context(), c.Tool(), "nonsense")
			require.NoError(t, err)
			require.Equal(t, client.Status{Code: 2}, status)
			_, err = c.Exec(t.Context(), "/nothing")
			require.ErrorContains(t, err, name+" exec")
			require.ErrorContains(t, err, "/nothing")

			processes, err := c.Processes(t.Context())
			require.NoError(t, err)
			require.Len(t, processes, 1)
			require.Equal(t, c.pid, processes[0].PID)
			require.NotZero(t, processes[0].PSS)

			require.NoError(t, c.Stop(t.Context()))
			_, err = c.Exec(t.Context(), c.Tool())
			require.Error(t, err)
			require.NoError(t, c.Close())
			require.NoError(t, c.Close(), "twice")
			gone(t, c)
			require.NoError(t, r.Clean())
			programtest.RequireEmpty(t, dir)
		})
	}
}

// TestCloseEndsAll ends a container in which a process still runs, whose start the
// lab has given up.
func TestCloseEndsAll(t *testing.T) {
	programtest.Workspace(t)
	r := working(t, "runc")
	instance, err := r.Start(t.Context())
	require.NoError(t, err)
	c := instance.(*container)
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	done := make(chan error)
	go func() {
		_, err := c.Exec(ctx, c.Tool(), "wait")
		done <- err
	}()
	require.Eventually(t, func() bool {
		processes, err := c.Processes(t.Context())
		return err == nil && len(processes) == 2
	}, 10*time.Second, time.Millisecond)
	cancel(enough)
	require.ErrorIs(t, <-done, enough)
	require.NoError(t, c.Close())
	gone(t, c)

	_, err = r.Start(ctx)
	require.ErrorIs(t, err, enough)
}

// TestSweep has a run find and end the container of one that was killed.
func TestSweep(t *testing.T) {
	const env = "RUNC_TEST_LAB"
	if os.Getenv(env) != "" {
		instance, err := working(t, "runc").Start(t.Context())
		require.NoError(t, err)
		c := instance.(*container)
		fmt.Println("started", c.pid, c.state, c.dir)
		select {}
	}
	dir := programtest.Workspace(t)
	next := New("runc", programtest.Build(t))
	if err := next.Check(t.Context()); err != nil {
		t.Skip(err)
	}
	lab := exec.Command(os.Args[0], "-test.run=^TestSweep$")
	lab.Env = append(os.Environ(), env+"=1")
	out, err := lab.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, lab.Start())
	var c container
	_, err = fmt.Fscanf(bufio.NewReader(out), "started %d %s %s", &c.pid, &c.state, &c.dir)
	require.NoError(t, err)
	c.id = filepath.Base(c.dir)
	require.NotEmpty(t, cgroups(t, c.id))
	require.NoError(t, lab.Process.Kill())
	_ = lab.Wait() // killed

	require.NoError(t, next.Prepare(t.Context()))
	require.NoDirExists(t, c.state)
	gone(t, &c)
	require.NoError(t, next.Clean())
	programtest.RequireEmpty(t, dir)
}
