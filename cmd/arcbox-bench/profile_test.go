// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/profile"
	"arcbox.dev/bench/profile/folder"
)

// keepProfiles makes a folder of profiles of this program, which allocates that many
// MiB a run.
func keepProfiles(t *testing.T, benchmark string, mebibytes int) string {
	t.Helper()
	dir := t.TempDir()
	c, err := folder.NewCollector(dir)
	require.NoError(t, err)
	for range 4 {
		require.NoError(t, c.Begin())
		allocateForProfile(mebibytes)
		require.NoError(t, c.End(benchmark))
	}
	require.NoError(t, c.Close())
	return dir
}

var profileSink []byte

//go:noinline
func allocateForProfile(mebibytes int) {
	for range mebibytes {
		profileSink = make([]byte, 1<<20)
	}
}

func TestProfileDiff(t *testing.T) {
	before, after := keepProfiles(t, "Boot/target=uml", 2), keepProfiles(t, "Boot/target=uml", 8)
	require.NoError(t, os.Remove(filepath.Join(before, "Boot.target=uml", profile.FileName(folder.Launcher, profile.Mutex))))

	status, stdout, stderr := lab("profile", "diff", before, after, "--functions", "1")
	require.Zero(t, status, stderr)
	section := stdout[strings.Index(stdout, "Boot.target=uml/launcher.allocs, alloc_space: 2."):]
	lines := strings.Split(section, "\n")
	require.Contains(t, lines[0], "of 4 and 4 runs")
	require.Contains(t, lines[1], "most of it in ")
	require.Regexp(t, `\+[0-9]+ % .*\+6\.000MiB.* arcbox\.dev/cmd/arcbox-bench\.allocateForProfile$`, lines[3])
	require.Empty(t, lines[4], "one function was asked for")
	require.Contains(t, stdout, "on one side only: Boot.target=uml/launcher.mutex (after)\n")

	// Two files are compared whatever they are called.
	one := filepath.Join(before, "Boot.target=uml", "launcher.allocs.pprof")
	other := filepath.Join(after, "x.pprof")
	require.NoError(t, os.Rename(filepath.Join(after, "Boot.target=uml", "launcher.allocs.pprof"), other))
	status, stdout, stderr = lab("profile", "diff", one, other)
	require.Zero(t, status, stderr)
	require.Contains(t, stdout, "allocateForProfile")
}

func TestProfileTop(t *testing.T) {
	dir := keepProfiles(t, "Boot", 4)
	status, stdout, stderr := lab("profile", "top", dir, "--functions", "1")
	require.Zero(t, status, stderr)
	require.Regexp(t, `Boot/launcher\.allocs, alloc_space: .*, of 4 runs\n.*\n +4\.000MiB .*\.allocateForProfile\n`, stdout)
}

func TestProfileMistakes(t *testing.T) {
	empty, dir, foreign := t.TempDir(), keepProfiles(t, "Boot", 1), keepProfiles(t, "Exec", 1)
	garbage := filepath.Join(t.TempDir(), "x.cpu.pprof")
	require.NoError(t, os.WriteFile(garbage, []byte("no profile"), 0o600))
	for _, tt := range []struct {
		args   []string
		status int
		want   string
	}{
		{[]string{"diff", dir}, statusUsage, "give BEFORE and AFTER: folders that a run with --profile has made"},
		{[]string{"top"}, statusUsage, "give PROFILES: "},
		{[]string{"diff", dir, dir, "--functions", "0"}, statusUsage, "--functions 0: name at least 1"},
		{[]string{"top", dir, "--functions", "-1"}, statusUsage, "--functions -1: name at least 1"},
		{[]string{"diff", dir, foreign}, statusFailed, "no profile is on both sides: "},
		{[]string{"diff", dir, empty}, statusFailed, "reading profiles: no .pprof file in " + empty},
		{[]string{"top", garbage}, statusFailed, "reading profile " + garbage + ": not a profile: "},
		{[]string{"diff", filepath.Join(dir, "Boot", "launcher.cpu.pprof"), filepath.Join(dir, "Boot", "launcher.mutex.pprof")}, statusFailed, "cannot be compared"},
	} {
		status, stdout, stderr := lab(append([]string{"profile"}, tt.args...)...)
		require.Equal(t, tt.status, status, tt.args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, tt.want)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "%s: one line", stderr)
	}
}
