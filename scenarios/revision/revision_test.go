// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package revision

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// program tells what it was built from: its text, and whether something was planted
// on the way to work.Do.
const program = `package main

import (
	"fmt"
	"os"

	"tiny.test/work"
)

func main() {
	work.Do()
	fmt.Print("TEXT ", os.Getenv("PLANTED") == "yes")
}
`

// repo makes a repository with one commit, whose program says "one".
func repo(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "go.mod", "module tiny.test\n\ngo 1.26.0\n")
	write(t, dir, "cmd/tiny/main.go", strings.Replace(program, "TEXT", "one", 1))
	write(t, dir, "work/work.go", "package work\n\nfunc Do() {}\n")
	gitIn(t, dir, "init", "-q", "-b", "main")
	commitAll(t, dir)
	return dir
}

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
}

func gitIn(t *testing.T, dir string, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=test", "-c", "user.email=test@localhost"}, args...)...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

func commitAll(t *testing.T, dir string) string {
	t.Helper()
	gitIn(t, dir, "add", "-A")
	gitIn(t, dir, "commit", "-q", "-m", "change")
	return gitIn(t, dir, "rev-parse", "HEAD")
}

func resolve(t *testing.T, repo, rev string) Revision {
	t.Helper()
	r, err := Resolve(t.Context(), repo, rev)
	require.NoError(t, err)
	return r
}

func TestResolve(t *testing.T) {
	dir := repo(t)
	first := gitIn(t, dir, "rev-parse", "HEAD")
	gitIn(t, dir, "tag", "-a", "-m", "tag", "v1")

	clean := resolve(t, filepath.Join(dir, "work"), "") // from a folder inside, too
	require.Equal(t, first[:12], clean.String())
	require.True(t, clean.Tree)
	require.True(t, clean.SameCode(resolve(t, dir, "v1")), "an annotated tag is its commit")

	write(t, dir, "new.go", "package tiny\n")
	dirty := resolve(t, dir, "")
	require.Equal(t, first[:12]+"+dirty", dirty.String())
	require.False(t, dirty.SameCode(clean))
	require.False(t, dirty.SameCode(dirty), "it may change at any time")
	require.Equal(t, first[:12], resolve(t, dir, "HEAD").String(), "a commit is never dirty")

	commitAll(t, dir)
	require.False(t, resolve(t, dir, "HEAD").SameCode(clean))
	require.Equal(t, clean.Commit, resolve(t, dir, "HEAD~1").Commit)
}

func TestResolveErrors(t *testing.T) {
	dir := repo(t)
	write(t, dir, "new.go", "package tiny\n")
	commitAll(t, dir)
	shallow := filepath.Join(t.TempDir(), "shallow")
	gitIn(t, dir, "clone", "-q", "--depth", "1", "file://"+dir, shallow)
	empty := t.TempDir()
	gitIn(t, empty, "init", "-q")
	ended, end := context.WithCancel(t.Context())
	end()

	for name, c := range map[string]struct {
		ctx       context.Context
		repo, rev string
		want      string
	}{
		"no such revision":  {t.Context(), dir, "nosuch", `unknown revision "nosuch": name a commit, a branch or a tag`},
		"an option":         {t.Context(), dir, "--all", `unknown revision "--all"`},
		"a file, no commit": {t.Context(), dir, "HEAD:go.mod", `unknown revision "HEAD:go.mod"`},
		"a shallow clone":   {t.Context(), shallow, "HEAD~1", "git fetch --unshallow"},
		"no commit":         {t.Context(), empty, "", "has no commit yet"},
		"no repository":     {t.Context(), t.TempDir(), "", "run this in a clone"},
		"no folder":         {t.Context(), filepath.Join(dir, "none"), "", "run this in a clone"},
		"ended":             {ended, dir, "", "context canceled"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Resolve(c.ctx, c.repo, c.rev)
			require.ErrorContains(t, err, c.want)
		})
	}
	_, err := Resolve(t.Context(), dir, "nosuch")
	require.ErrorIs(t, err, ErrUnknown)
	require.Equal(t, gitIn(t, shallow, "rev-parse", "HEAD"), resolve(t, shallow, "").Commit, "the newest commit of a shallow clone is there")
}

// TestBase: main as this clone knows it, wherever the work goes on.
func TestBase(t *testing.T) {
	dir := repo(t)
	main := gitIn(t, dir, "rev-parse", "HEAD")
	base := func(dir string) string {
		r, err := Base(t.Context(), dir)
		require.NoError(t, err)
		require.False(t, r.Tree)
		return r.Commit
	}
	require.Equal(t, main, base(dir))

	clone := filepath.Join(t.TempDir(), "clone")
	gitIn(t, dir, "clone", "-q", dir, clone)
	gitIn(t, clone, "switch", "-q", "-c", "work")
	write(t, clone, "new.go", "package tiny\n")
	work := commitAll(t, clone)
	require.Equal(t, main, base(clone), "its own main")
	gitIn(t, clone, "branch", "-D", "main")
	require.Equal(t, main, base(clone), "the main that it was cloned from")
	gitIn(t, clone, "remote", "remove", "origin")
	require.Equal(t, work, base(clone), "there is no main at all")
}
