// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package revision

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// opened returns a cache whose builds need no rest.
func opened(t *testing.T, dir string) *Cache {
	t.Helper()
	c, err := OpenCache(dir)
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() })
	c.settling = 0
	return c
}

// says runs the build's program.
func says(t *testing.T, b Build) string {
	t.Helper()
	path, err := b.Program("tiny")
	require.NoError(t, err)
	out, err := exec.Command(path).Output()
	require.NoError(t, err)
	return string(out)
}

func modified(t *testing.T, b Build) time.Time {
	t.Helper()
	info, err := os.Stat(filepath.Join(b.Dir, "tiny"))
	require.NoError(t, err)
	return info.ModTime()
}

// TestBuild: a commit and the tree that differs from it, in folders of equally long
// paths; nothing in the repository changes.
func TestBuild(t *testing.T) {
	dir := repo(t)
	write(t, dir, "cmd/tiny/main.go", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Print(\"two\") }\n")
	before := gitIn(t, dir, "status", "--porcelain", "--branch") + gitIn(t, dir, "worktree", "list") + gitIn(t, dir, "stash", "list")
	c := opened(t, filepath.Join(t.TempDir(), "builds"))

	old, err := c.Build(t.Context(), resolve(t, dir, "HEAD"))
	require.NoError(t, err)
	tree, err := c.Build(t.Context(), resolve(t, dir, ""))
	require.NoError(t, err)
	require.Equal(t, "one false", says(t, old))
	require.Equal(t, "two", says(t, tree))
	require.Len(t, tree.Dir, len(old.Dir))
	require.True(t, filepath.IsAbs(old.Dir))
	require.Equal(t, before, gitIn(t, dir, "status", "--porcelain", "--branch")+gitIn(t, dir, "worktree", "list")+gitIn(t, dir, "stash", "list"))
	_, err = old.Program("arcbox-probe")
	require.ErrorContains(t, err, "revision "+old.Revision.String()+" has no program arcbox-probe")

	write(t, dir, "cmd/tiny/main.go", "package main\n\nimport \"fmt\"\n\nfunc main() { fmt.Print(\"three\") }\n")
	tree, err = c.Build(t.Context(), resolve(t, dir, ""))
	require.NoError(t, err)
	require.Equal(t, "three", says(t, tree), "the tree is built anew")
	made := modified(t, old)
	again, err := c.Build(t.Context(), resolve(t, dir, "HEAD"))
	require.NoError(t, err)
	require.Equal(t, made, modified(t, again), "the commit is not")

	// Another recipe, such as a new toolchain, makes it anew.
	require.NoError(t, c.keep(old.Revision.String(), "another recipe"))
	again, err = c.Build(t.Context(), old.Revision)
	require.NoError(t, err)
	require.NotEqual(t, made, modified(t, again))
	left, err := filepath.Glob(filepath.Join(c.dir, tempPattern))
	require.NoError(t, err)
	require.Empty(t, left, "sources are removed")
}

// TestSameCodeSameProgram: where the code is the same the programs are, to the byte.
func TestSameCodeSameProgram(t *testing.T) {
	dir := repo(t)
	c := opened(t, t.TempDir())
	a, err := c.Build(t.Context(), resolve(t, dir, "HEAD"))
	require.NoError(t, err)
	b, err := c.Build(t.Context(), resolve(t, dir, ""))
	require.NoError(t, err)
	v, err := c.Variant(t.Context(), resolve(t, dir, ""), 1, nil)
	require.NoError(t, err)
	want, err := os.ReadFile(filepath.Join(a.Dir, "tiny"))
	require.NoError(t, err)
	for _, other := range []Build{b, v} {
		got, err := os.ReadFile(filepath.Join(other.Dir, "tiny"))
		require.NoError(t, err)
		require.True(t, string(want) == string(got))
		require.NotEqual(t, a.Dir, other.Dir)
		require.Len(t, other.Dir, len(a.Dir))
	}
}

func TestBuildErrors(t *testing.T) {
	dir := repo(t)
	c := opened(t, t.TempDir())
	write(t, dir, "work/work.go", "package work\n\nfunc Do() { nonsense }\n")
	_, err := c.Build(t.Context(), resolve(t, dir, ""))
	require.ErrorContains(t, err, "+dirty")
	require.ErrorContains(t, err, "undefined: nonsense")
	broken := Revision{Repo: dir, Commit: "0123456789012345678901234567890123456789"}
	_, err = c.Build(t.Context(), broken)
	require.ErrorContains(t, err, "taking out 012345678901")
	_, err = c.Build(t.Context(), broken)
	require.Error(t, err, "a build that failed is not kept")

	ended, end := context.WithCancel(t.Context())
	end()
	_, err = c.Build(ended, resolve(t, dir, ""))
	require.ErrorIs(t, err, context.Canceled)
	c.settling = time.Hour
	require.ErrorIs(t, c.settle(ended), context.Canceled)
}

// TestCache: one process at a time; what was killed half-way and old builds go, what
// the user keeps there stays.
func TestCache(t *testing.T) {
	dir := t.TempDir()
	first := opened(t, dir)
	_, err := OpenCache(dir)
	require.ErrorIs(t, err, ErrBusy)

	now := time.Now()
	for i, name := range []string{"000000000001", "000000000002", "000000000003", "000000000004", "000000000005"} {
		require.NoError(t, os.Mkdir(first.folder(name), 0o755))
		require.NoError(t, first.keep(name, "recipe"))
		at := now.Add(time.Duration(i-10) * time.Minute)
		require.NoError(t, os.Chtimes(filepath.Join(first.folder(name), recipeFile), at, at))
	}
	require.True(t, first.kept("000000000001", "recipe"), "and used now")
	require.False(t, first.kept("000000000001", "another"))
	for _, name := range []string{treeFolder, "variant-0001", ".building-7", "00000000000a", "notes"} {
		require.NoError(t, os.Mkdir(first.folder(name), 0o755))
	}
	require.NoError(t, first.Close())

	second := opened(t, dir)
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{"000000000001", "000000000003", "000000000004", "000000000005", "notes"}, names)
	require.NoError(t, second.Close())

	file := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err = OpenCache(file)
	require.ErrorContains(t, err, "opening the cache of builds")
}
