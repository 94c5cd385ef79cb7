// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package workspace

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// ended remembers the folders for which it was called.
type ended []string

func (e *ended) end(path string) error {
	*e = append(*e, path)
	return nil
}

func TestFolder(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var all ended
	f, err := Make("runc", all.end)
	require.NoError(t, err)
	info, err := os.Stat(f.Path())
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, os.WriteFile(filepath.Join(f.Path(), "x"), nil, 0o600))

	second, err := Make("runc", all.end)
	require.NoError(t, err)
	require.DirExists(t, f.Path(), "it is in use")
	require.Empty(t, all)
	require.NoError(t, f.Remove())
	require.NoError(t, second.Remove())
	require.Equal(t, ended{f.Path(), second.Path()}, all)
	left, err := os.ReadDir(os.TempDir())
	require.NoError(t, err)
	require.Empty(t, left)
}

// TestEndThatFails keeps the folder, for a later run to try again.
func TestEndThatFails(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	busy := errors.New("busy")
	f, err := Make("runc", func(string) error { return busy })
	require.NoError(t, err)
	require.ErrorIs(t, f.Remove(), busy)
	require.DirExists(t, f.Path())
	_, err = Make("runc", func(string) error { return busy })
	require.ErrorIs(t, err, busy)
	require.ErrorContains(t, err, "what a killed run left of runc")
	next, err := Make("runc", func(string) error { return nil })
	require.NoError(t, err)
	require.NoDirExists(t, f.Path())
	require.NoError(t, next.Remove())
}

// TestSweep takes what a killed lab left, and nothing else.
func TestSweep(t *testing.T) {
	const env = "WORKSPACE_TEST_LAB"
	var all ended
	if os.Getenv(env) != "" {
		f, err := Make("runc", all.end)
		require.NoError(t, err)
		fmt.Println("made", f.Path())
		select {}
	}
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	lab := exec.Command(os.Args[0], "-test.run=^TestSweep$")
	lab.Env = append(os.Environ(), env+"=1")
	out, err := lab.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, lab.Start())
	var path string
	_, err = fmt.Fscanf(bufio.NewReader(out), "made %s", &path)
	require.NoError(t, err)

	elsewhere := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(elsewhere, lockName), nil, 0o600))
	for name, put := range map[string]func(path string) error{
		"a folder without a lock": func(path string) error { return os.Mkdir(path, 0o700) },
		"a file":                  func(path string) error { return os.WriteFile(path, nil, 0o600) },
		"a link":                  func(path string) error { return os.Symlink(elsewhere, path) },
		"a linked lock": func(path string) error {
			return errors.Join(os.Mkdir(path, 0o700), os.Symlink(filepath.Join(elsewhere, lockName), filepath.Join(path, lockName)))
		},
	} {
		require.NoError(t, put(filepath.Join(dir, prefix+"runc-"+name)))
	}
	other, err := Make("podman", all.end)
	require.NoError(t, err)
	running, err := Make("runc", all.end)
	require.NoError(t, err)
	require.Empty(t, all, "the lab lives")

	require.NoError(t, lab.Process.Kill())
	_ = lab.Wait() // killed
	next, err := Make("runc", all.end)
	require.NoError(t, err)
	require.Equal(t, ended{path}, all)
	require.NoDirExists(t, path)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 4+3)
	for _, f := range []*Folder{other, running, next} {
		require.NoError(t, f.Remove())
	}
}
