// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package engine

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target/programtest"
	"arcbox.dev/scenarios/target/rootfs"
)

// preparedPodman returns podman, ready for containers.
func preparedPodman(t *testing.T) *Target {
	t.Helper()
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("podman is not installed")
	}
	p := Podman(programtest.Build(t))
	require.NoError(t, p.Check(t.Context()))
	require.NoError(t, p.Prepare(t.Context()))
	t.Cleanup(func() { require.NoError(t, p.Clean()) })
	return p
}

// requireNothingLeft wants no trace of a folder of podman's in the host.
func requireNothingLeft(t *testing.T, dir string, c *container) {
	t.Helper()
	programtest.RequireEmpty(t, dir)
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), dir)
	left, err := monitors(c.id)
	require.NoError(t, err)
	require.Empty(t, left)
	for _, pattern := range []string{"/sys/fs/cgroup/libpod_parent/*" + c.id, "/sys/fs/cgroup/*/libpod_parent/*" + c.id, "/sys/fs/cgroup/*/*" + c.id + "*"} {
		groups, err := filepath.Glob(pattern)
		require.NoError(t, err)
		require.Empty(t, groups)
	}
}

func TestPodman(t *testing.T) {
	dir := programtest.Workspace(t)
	p := preparedPodman(t)
	require.Regexp(t, `^podman \d+\.\d+.*, (runc|crun), storage \w+$`, p.Version())
	require.Equal(t, "target", p.Labels()[0].Key)
	require.Equal(t, "mode", p.Labels()[1].Key)

	instance, err := p.Start(t.Context())
	require.NoError(t, err)
	c := instance.(*container)
	for _, tc := range []struct {
		args []string
		want client.Status
	}{
		{[]string{c.Tool()}, client.Status{}},
		{[]string{c.Tool(), "nonsense"}, client.Status{Code: 2}},
	} {
		status, err := c.Exec(t.Context(), tc.args...)
		require.NoError(t, err)
		require.Equal(t, tc.want, status)
	}
	_, err = c.Exec(t.Context(), "/nothing")
	require.ErrorContains(t, err, "running podman exec: exit status 127: Error")

	for range 8 { // beside what podman's monitor starts after an exec
		_, err := c.Exec(t.Context(), c.Tool())
		require.NoError(t, err)
		processes, err := c.Processes(t.Context())
		require.NoError(t, err)
		roles := map[string]int{}
		for _, process := range processes {
			roles[process.Role]++
			require.NotZero(t, process.PSS)
		}
		require.Equal(t, 1, roles["container"])
		require.GreaterOrEqual(t, roles["monitor"], 1)
	}

	require.NoError(t, c.Stop(t.Context()))
	_, err = c.Exec(t.Context(), c.Tool())
	require.Error(t, err)
	require.NoError(t, c.Close())
	require.NoError(t, c.Close(), "twice")

	running, err := p.Start(t.Context())
	require.NoError(t, err)
	require.NoError(t, running.Close(), "without a stop")
	require.NoError(t, p.Clean())
	requireNothingLeft(t, dir, c)
	requireNothingLeft(t, dir, running.(*container))
}

// TestPodmanSweep has a run find and end the container of one that was killed.
func TestPodmanSweep(t *testing.T) {
	const env = "PODMAN_TEST_LAB"
	if os.Getenv(env) != "" {
		instance, err := preparedPodman(t).Start(t.Context())
		require.NoError(t, err)
		fmt.Println("started", instance.(*container).id)
		select {}
	}
	if _, err := exec.LookPath("podman"); err != nil {
		t.Skip("podman is not installed")
	}
	dir := programtest.Workspace(t)
	lab := exec.Command(os.Args[0], "-test.run=^TestPodmanSweep$")
	lab.Env = append(os.Environ(), env+"=1")
	out, err := lab.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, lab.Start())
	var c container
	_, err = fmt.Fscanf(bufio.NewReader(out), "started %s", &c.id)
	require.NoError(t, err)
	left, err := monitors(c.id)
	require.NoError(t, err)
	require.NotEmpty(t, left)
	require.NoError(t, lab.Process.Kill())
	_ = lab.Wait() // killed

	require.NoError(t, preparedPodman(t).Clean())
	requireNothingLeft(t, dir, &c)
}

// TestPodmanLoadsImage has podman read the archive that is made for Apple's container.
func TestPodmanLoadsImage(t *testing.T) {
	programtest.Workspace(t)
	p := preparedPodman(t)
	folder := p.folder.Path()
	archive, err := os.Create(filepath.Join(folder, "layout.tar"))
	require.NoError(t, err)
	require.NoError(t, rootfs.Image(archive, p.tool, "localhost/layout:probe"))
	require.NoError(t, archive.Close())
	out, err := p.command(folder, "load", "--quiet", "--input", archive.Name()).Output(t.Context())
	require.NoError(t, err)
	require.Contains(t, out, "localhost/layout:probe")
	run := append([]string{"run", "--rm"}, p.dialect.run()...)
	_, err = p.command(folder, append(run, "localhost/layout:probe", rootfs.Tool)...).Output(t.Context())
	require.NoError(t, err)
	_, err = p.command(folder, "rmi", "localhost/layout:probe").Output(t.Context())
	require.NoError(t, err)
}
