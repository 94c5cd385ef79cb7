// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package engine

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
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
	for _, tc := range []struct {
		target *Target
		want   string
	}{
		{Podman(""), "podman is not installed (install the package podman)"},
		{Docker(""), "docker is not installed (install the package docker.io)"},
		{DockerContext("colima", "colima", ""), "docker is not installed (install the docker command, which comes with colima)"},
		{Apple(""), "container is not installed (install it from https://github.com/apple/container/releases)"},
	} {
		t.Run(tc.target.Name(), func(t *testing.T) {
			err := tc.target.Check(t.Context())
			require.ErrorIs(t, err, target.ErrMissing)
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestCheckOfDocker(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"no such context", `echo 'context "x": not found' >&2; exit 1`, `has no such docker context: running docker context: exit status 1: context "x": not found`},
		{"far away", `echo ssh://far`, "docker talks to another host, ssh://far"},
		{"no daemon", `[ "$1" = context ] && { echo unix:///s; exit; }; echo 'Cannot connect' >&2; exit 1`, "no Docker engine answers: running docker version: exit status 1: Cannot connect (start it, and let this user access unix:///s)"},
		{"no tool", `echo unix:///s`, "run make build"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			programtest.Fake(t, "docker", tc.script)
			err := Docker(filepath.Join(t.TempDir(), "none")).Check(t.Context())
			require.ErrorIs(t, err, target.ErrMissing)
			require.ErrorContains(t, err, tc.want)
		})
	}
	t.Run("there", func(t *testing.T) {
		calls := programtest.Logged(t, "docker", "echo unix:///s")
		require.NoError(t, DockerContext("orbstack", "orb", programtest.Tool(t)).Check(t.Context()))
		require.Equal(t, []string{
			"--context orb context inspect --format {{.Endpoints.docker.Host}}",
			"--context orb version --format {{.Server.Version}}",
		}, calls())
	})
}

func TestCheckOfApple(t *testing.T) {
	programtest.Fake(t, "container", "exit 1")
	err := Apple(programtest.Tool(t)).Check(t.Context())
	require.ErrorIs(t, err, target.ErrMissing)
	require.ErrorContains(t, err, "container system start")
}

// fakeEngine answers as docker does. Processes named exit-N end with status N, and
// those named fail are not started.
const fakeEngine = `
[ "$1" = --context ] && shift 2
case $1 in
version) echo 'Docker 1, engine 2 linux/amd64' ;;
run) echo 0123456789abcdef ;;
exec) case $3 in
	exit-*) echo 'the process says' >&2; exit ${3#exit-} ;;
	fail) echo 'OCI runtime exec failed: no such file' >&2; exit 126 ;;
	gone) echo 'Error response from daemon: container is not running' >&2; exit 1 ;;
	esac ;;
rm) [ "$2" != --force ] || { echo 'Error response from daemon: No such container' >&2; exit 1; } ;;
esac`

// TestCommands checks the whole life of a container against the documented command
// lines.
func TestCommands(t *testing.T) {
	for _, tc := range []struct {
		program string
		make    func(tool string) *Target
		want    []string
	}{
		{"docker", func(tool string) *Target { return DockerContext("orbstack", "orb", tool) }, []string{
			"--context orb version --format Docker {{.Client.Version}}, engine {{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}",
			"--context orb import FOLDER/image.tar localhost/NAME:probe",
			"--context orb run --detach --name NAME-1 --pull never --network none localhost/NAME:probe /arcbox-probe wait",
			"--context orb exec NAME-1 /arcbox-probe",
			"--context orb stop -t 10 NAME-1",
			"--context orb rm NAME-1",
			"--context orb run --detach --name NAME-2 --pull never --network none localhost/NAME:probe /arcbox-probe wait",
			"--context orb rm --force NAME-2",
			"--context orb rmi --force localhost/NAME:probe",
		}},
		{"container", Apple, []string{
			"--version",
			"image load --input FOLDER/image.tar",
			"run --detach --name NAME-1 --progress none localhost/NAME:probe /arcbox-probe wait",
			"exec NAME-1 /arcbox-probe",
			"stop -t 10 NAME-1",
			"rm NAME-1",
			"run --detach --name NAME-2 --progress none localhost/NAME:probe /arcbox-probe wait",
			"delete --force NAME-2",
			"image delete localhost/NAME:probe",
		}},
	} {
		t.Run(tc.program, func(t *testing.T) {
			dir := programtest.Workspace(t)
			calls := programtest.Logged(t, tc.program, fakeEngine)
			e := tc.make(programtest.Tool(t))
			path, err := exec.LookPath(tc.program)
			require.NoError(t, err)
			e.program = path
			require.NoError(t, e.Prepare(t.Context()))
			folder := e.folder.Path()
			_, err = e.Start(t.Context())
			require.NoError(t, err)
			require.NoError(t, e.Clean(), "with a container that was not closed")
			require.NoError(t, e.Clean(), "twice")
			programtest.RequireEmpty(t, dir)

			var got []string
			for _, call := range calls() {
				call = strings.ReplaceAll(call, folder, "FOLDER")
				got = append(got, strings.ReplaceAll(call, filepath.Base(folder), "NAME"))
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestExecOfDocker(t *testing.T) {
	programtest.Workspace(t)
	d := prepared(t)
	instance, err := d.Start(t.Context())
	require.NoError(t, err)
	for _, tc := range []struct {
		process string
		want    client.Status
		failure string
	}{
		{"exit-0", client.Status{}, ""},
		{"exit-1", client.Status{Code: 1}, ""},
		{"exit-128", client.Status{Code: 128}, ""},
		{"exit-137", client.Status{Signal: 9}, ""},
		{"exit-255", client.Status{Code: 255}, ""},
		{"exit-125", client.Status{}, "running docker exec: exit status 125: the process says"},
		{"fail", client.Status{}, "running docker exec: exit status 126: OCI runtime exec failed: no such file"},
		{"gone", client.Status{}, "running docker exec: exit status 1: Error response from daemon: container is not running"},
	} {
		t.Run(tc.process, func(t *testing.T) {
			got, err := instance.Exec(t.Context(), tc.process)
			if tc.failure != "" {
				require.EqualError(t, err, tc.failure)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
	require.NoError(t, instance.Close(), "it is gone already")
}

// prepared returns a Docker of which nothing is real.
func prepared(t *testing.T) *Target {
	t.Helper()
	programtest.Fake(t, "docker", `[ "$1" = context ] && { echo unix:///s; exit; }`+fakeEngine)
	d := Docker(programtest.Tool(t))
	require.NoError(t, d.Check(t.Context()))
	require.NoError(t, d.Prepare(t.Context()))
	t.Cleanup(func() { require.NoError(t, d.Clean()) })
	return d
}

// TestPrepareThatFails leaves nothing and gives the engine's own reason.
func TestPrepareThatFails(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"no version", `exit 7`, "running docker version: exit status 7"},
		{"no import", `[ $1 != import ] || { echo 'no space left' >&2; exit 1; }`, "running docker import: exit status 1: no space left"},
		{"no container", `[ $1 != run ] || { echo 'no cgroups' >&2; exit 125; }`, "starting one on trial: running docker run: exit status 125: no cgroups"},
		{"no ID", `echo x`, `the engine gave "x" for the container's ID`},
		{"no process", `[ $1 != run ] || echo 0123456789abcdef; [ $1 != exec ] || { echo 'no exec' >&2; exit 126; }`, "running a process on trial: running docker exec: exit status 126: no exec"},
		{"a bad process", `[ $1 != run ] || echo 0123456789abcdef; [ $1 != exec ] || exit 3`, "running a process on trial: it ended with status 3"},
		{"no stop", `[ $1 != run ] || echo 0123456789abcdef; [ $1 != stop ] || exit 1`, "stopping one on trial: running docker stop: exit status 1"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := programtest.Workspace(t)
			d := Docker(programtest.Tool(t))
			d.program = programtest.Fake(t, "docker", tc.script)
			require.ErrorContains(t, d.Prepare(t.Context()), tc.want)
			programtest.RequireEmpty(t, dir)
		})
	}
}

func TestContainerID(t *testing.T) {
	const good = "5f2c8a0b7d1e5f2c8a0b7d1e5f2c8a0b7d1e5f2c8a0b7d1e5f2c8a0b7d1e5f2c"
	for _, out := range []string{good, "warning: old kernel\n" + good} {
		got, err := containerID(out)
		require.NoError(t, err)
		require.Equal(t, good, got)
	}
	for _, bad := range []string{"", "short", good + "0", "a b c d e f g", good + "\n"} {
		_, err := containerID(bad)
		require.Error(t, err, "%q", bad)
	}
}

// TestStartGivenUp has the lab give up a start: the engine is not broken off, and
// the container is removed.
func TestStartGivenUp(t *testing.T) {
	programtest.Workspace(t)
	d := prepared(t)
	dir := t.TempDir()
	running, given := filepath.Join(dir, "running"), filepath.Join(dir, "given up")
	calls := programtest.Logged(t, "docker", `[ $1 != run ] || { : >'`+running+`'; until [ -e '`+given+`' ]; do sleep 0.01; done; echo 0123456789abcdef; }`)
	path, err := exec.LookPath("docker")
	require.NoError(t, err)
	d.program = path
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	var lab sync.WaitGroup
	lab.Go(func() {
		for {
			if _, err := os.Stat(running); err == nil {
				cancel(enough)
				os.WriteFile(given, nil, 0o600)
				return
			}
			time.Sleep(time.Millisecond)
		}
	})
	_, err = d.Start(ctx)
	lab.Wait()
	require.ErrorIs(t, err, enough)
	require.Regexp(t, `^rm --force arcbox-lab-docker-\d+-2$`, calls()[1])
	_, err = d.Start(ctx)
	require.ErrorIs(t, err, enough)
	require.Len(t, calls(), 2, "nothing is started any more")
}
