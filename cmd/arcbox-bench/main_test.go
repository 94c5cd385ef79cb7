// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// lab runs a command line.
func lab(args ...string) (status int, stdout, stderr string) {
	var out, errs bytes.Buffer
	status = execute(context.Background(), args, &out, &errs)
	return status, out.String(), errs.String()
}

func TestUsageMistakes(t *testing.T) {
	for _, tc := range []struct{ args, want string }{
		{"run", "name a scenario or a suite (see 'arcbox-bench list')"},
		{"run nothing", `there is no scenario "nothing" (there are boot, hotboot, memory,`},
		{"run boot --targets uml,qemu", `there is no target "uml" (there are uml:lean, uml:packaged, kvm:lean, kvm:packaged, host, qemu,`},
		{"run boot --count 0", "count 0: take at least 1 sample"},
		{"run boot --count many", `invalid argument "many" for "--count"`},
		{"run boot --warmup -1", "warmup -1: must not be negative"},
		{"run boot --limit 0s", "limit 0s: must be positive"},
		{"run boot --cpus 0", "cpus 0: a VM has at least 1"},
		{"run boot --memory 0", "memory of 0 bytes: must be from 1 MiB"},
		{"run boot --memory 99999999999", "memory of 104857599998951424 bytes: must be from 1 MiB"},
		{"run boot --colour", "unknown flag: --colour (see 'arcbox-bench run --help')"},
		{"run --suite quikc", `there is no suite "quikc" (there are ci, full, quick;`},
		{"run --suite quick boot", `unexpected "boot": --suite names the scenarios itself`},
		{"run --suite quick --count 3", "--count does not go with --suite"},
		{"list all", `unexpected "all" (see 'arcbox-bench list --help')`},
		{"report now", `unexpected "now"`},
		{"packages", "name the folder of a module (such as 'arcbox-bench packages datapath')"},
		{"packages nowhere", "nowhere is not the folder of a module"},
		{"packages . --rounds 0", "--rounds 0: must be at least 1"},
		{"packages . --time 0s", "--time 0s: must be positive"},
		{"fly", `unexpected "fly"`},
	} {
		status, stdout, stderr := lab(strings.Fields(tc.args)...)
		require.Equal(t, statusUsage, status, tc.args)
		require.Empty(t, stdout)
		require.Contains(t, stderr, "arcbox-bench: "+tc.want)
		require.Equal(t, 1, strings.Count(stderr, "\n"), "%s: one line", stderr)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"--help"}, {"run", "--help"}, {"report", "--help"}, {"packages", "--help"}} {
		status, stdout, stderr := lab(args...)
		require.Zero(t, status)
		require.Contains(t, stdout, "Usage:")
		require.Empty(t, stderr)
	}
}

func TestList(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	status, stdout, _ := lab("list")
	require.Zero(t, status)
	require.Contains(t, stdout, "cold boot: from a request")
	require.Contains(t, stdout, "missing: qemu-system-x86_64 is not installed (run `ci/setup test`")
}

func TestPickKeepsOrder(t *testing.T) {
	got, err := pick("target", targets, []string{"qemu", "uml:lean", "qemu"})
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Equal(t, "qemu", got[0].name)
	usual, err := pick("target", targets, usualTargets)
	require.NoError(t, err)
	require.Len(t, usual, len(usualTargets))
}

func TestReport(t *testing.T) {
	t.Chdir(t.TempDir())
	status, _, stderr := lab("report")
	require.Equal(t, statusFailed, status)
	require.Contains(t, stderr, "reading the results")

	require.NoError(t, os.MkdirAll("results/h", 0o755))
	require.NoError(t, os.WriteFile("results/h/a.txt", []byte("host: h\n\nBenchmarkBoot/target=x 1 2000000 agent_ready-ns\n"), 0o644))
	status, _, stderr = lab("report", "--check")
	require.Equal(t, statusFailed, status)
	require.Contains(t, stderr, "does not show what is in results")
	require.NoFileExists(t, "BENCHMARKS.md")

	status, _, _ = lab("report")
	require.Zero(t, status)
	text, err := os.ReadFile("BENCHMARKS.md")
	require.NoError(t, err)
	require.Contains(t, string(text), "| agent_ready | 2.00 ms |")
	status, _, _ = lab("report", "--check")
	require.Zero(t, status)

	left, err := filepath.Glob(".report-*")
	require.NoError(t, err)
	require.Empty(t, left)
	status, _, stderr = lab("report", "--out", "absent/B.md")
	require.Equal(t, statusFailed, status)
	require.Contains(t, stderr, "writing the document")
}
