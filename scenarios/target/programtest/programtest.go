// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package programtest has what the tests of targets share: scripts in the place of
// the programs that are measured, the lab's own program, and a look at what a target
// left behind.
package programtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Fake puts a shell script in the place of a program, first on the PATH, and returns
// its path.
func Fake(t *testing.T, name, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755))
	t.Setenv("PATH", filepath.Dir(path)+":"+os.Getenv("PATH"))
	return path
}

// Logged is Fake for a script that first adds its arguments, as one line, to a file,
// whose lines the returned function reads.
func Logged(t *testing.T, name, script string) (calls func() []string) {
	t.Helper()
	log := filepath.Join(t.TempDir(), "calls")
	require.NoError(t, os.WriteFile(log, nil, 0o600))
	Fake(t, name, `echo "$*" >>`+log+"\n"+script)
	return func() []string {
		text, err := os.ReadFile(log)
		require.NoError(t, err)
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}
}

// Missing leaves no program on the PATH.
func Missing(t *testing.T) {
	t.Helper()
	t.Setenv("PATH", t.TempDir())
}

// Tool returns the path of an executable file that stands for the lab's own program.
func Tool(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "arcbox-probe")
	require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o755))
	return path
}

// Build builds the lab's own program, as it runs in containers, and returns its path.
func Build(t *testing.T) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	require.True(t, ok)
	module := filepath.Join(filepath.Dir(file), "..", "..", "..", "cmd")
	path := filepath.Join(t.TempDir(), "arcbox-probe")
	build := exec.Command("go", "build", "-C", module, "-o", path, "./arcbox-probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return path
}

// Workspace has the folders of targets made in a folder of the test's own, which it
// returns. It is short, since the paths of sockets are limited to some hundred bytes.
func Workspace(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "l")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	t.Setenv("TMPDIR", dir)
	return dir
}

// RequireEmpty wants nothing in the folder that Workspace returned.
func RequireEmpty(t *testing.T, dir string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(dir, "arcbox-lab-*"))
	require.NoError(t, err)
	require.Empty(t, left)
}
