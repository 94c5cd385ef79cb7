// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/scenarios/revision"
	"arcbox.dev/scenarios/suite"
)

// history makes a repository whose lab can only say that it knows no command, goes
// there, and returns its commit. Builds are kept in a folder of the test's.
func history(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		"go.mod":                   "module tiny.test\n\ngo 1.26.0\n",
		"cmd/arcbox-bench/main.go": "package main\n\nimport \"os\"\n\nfunc main() { println(`unknown command \"worker\"`); os.Exit(2) }\n",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(content), 0o644))
	}
	for _, args := range [][]string{
		{"init", "-q", "-b", "main"}, {"add", "-A"},
		{"-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "-q", "-m", "start"},
	} {
		out, err := exec.Command("git", append([]string{"-C", dir}, args...)...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	t.Chdir(dir)
	t.Setenv("ARCBOX_CACHE", filepath.Join(t.TempDir(), "cache"))
	r, err := revision.Resolve(t.Context(), ".", "HEAD")
	require.NoError(t, err)
	return r.String()
}

// TestCompareTooOld: it builds both sides, and says which cannot be measured.
func TestCompareTooOld(t *testing.T) {
	commit := history(t)
	status, _, errs := lab("compare")
	require.Equal(t, statusFailed, status)
	require.Contains(t, errs, "the tree is main itself ("+commit+"): both sides are the same")
	require.Contains(t, errs, "building "+commit)
	last := errs[strings.LastIndex(errs, "arcbox-bench:"):]
	require.Contains(t, last, "revision "+commit+" cannot be measured (it may be too old: compare with a later one)")
	require.Contains(t, last, `unknown command "worker"`)
	found, err := filepath.Glob(filepath.Join(os.Getenv("ARCBOX_CACHE"), "builds", "*", "arcbox-bench"))
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.NoDirExists(t, "results", "nothing was measured")
}

func TestCompareErrors(t *testing.T) {
	history(t)
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"unknown suite":    {[]string{"--suite", "nosuch"}, statusUsage, `there is no suite "nosuch"`},
		"unknown base":     {[]string{"--base", "nosuch"}, statusFailed, `unknown revision "nosuch"`},
		"unknown head":     {[]string{"--head", "nosuch"}, statusFailed, `unknown revision "nosuch"`},
		"broken plant":     {[]string{"--plant", "x"}, statusUsage, "PACKAGE:FUNC:STATEMENT"},
		"no place for it":  {[]string{"--plant", "tiny.test/cmd/arcbox-bench:nosuch:time.Sleep(1)"}, statusFailed, "the package has no such function"},
		"an argument":      {[]string{"boot"}, statusUsage, `unexpected "boot"`},
		"unknown scenario": {[]string{"--suite", scenarioFile(t, "nap")}, statusUsage, `there is no scenario "nap"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, errs := lab(append([]string{"compare"}, c.args...)...)
			require.Equal(t, c.status, status, errs)
			require.Contains(t, errs, c.want)
		})
	}
}

func scenarioFile(t *testing.T, scenario string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "own.toml")
	require.NoError(t, os.WriteFile(path, []byte("[[run]]\nscenario = \""+scenario+"\"\ntargets = [\"uml:lean\"]\n"), 0o644))
	return path
}

// TestCompareCommandLine: the recorded command names what was resolved, so that it
// means the same another day.
func TestCompareCommandLine(t *testing.T) {
	old := revision.Revision{Commit: "0123456789abcdef"}
	tree := revision.Revision{Commit: "fedcba9876543210", Tree: true, Dirty: true}
	o := compareOptions{suite: "quick", seed: 3}
	require.Equal(t, "arcbox-bench compare --suite quick --base 0123456789ab --seed 3", o.commandLine(old, tree))
	o.plant = "a:b:c()"
	require.Equal(t, "arcbox-bench compare --suite quick --base 0123456789ab --head 0123456789ab --plant 'a:b:c()' --seed 3", o.commandLine(old, old))
	require.Equal(t, "fedcba987654+dirty with c() in a, b", describe(tree, &revision.Plant{Package: "a", Func: "b", Statement: "c()"}))
}

// TestSuitesAreKnown: each scenario of the project's suites is one of the lab's.
func TestSuitesAreKnown(t *testing.T) {
	suites, err := suite.Own()
	require.NoError(t, err)
	require.NotEmpty(t, suites)
	for _, s := range suites {
		runs, err := resolve(s.Runs)
		require.NoError(t, err, s.Name)
		require.Len(t, runs, len(s.Runs))
	}
}
