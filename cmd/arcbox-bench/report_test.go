// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// runAlone runs a command without the root.
func runAlone(cmd *cobra.Command, args ...string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&errs)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.Execute()
	return out.String(), errs.String(), err
}

// writeResults makes a results folder in a new working directory.
func writeResults(t *testing.T, files map[string]string) {
	t.Helper()
	t.Chdir(t.TempDir())
	require.NoError(t, os.MkdirAll("results/h", 0o755))
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join("results/h", name), []byte(content), 0o600))
	}
}

const bootResult = "host: h\ncommit: c0ffee\n\nBenchmarkColdBoot/target=uml 1 35000000 agent_ready-ns 8000000 vmm_up-ns\n"

func TestReportMistakes(t *testing.T) {
	writeResults(t, map[string]string{"a.txt": bootResult})
	for _, tc := range []struct {
		args []string
		want string
	}{
		{[]string{"--plots", "p", "--format", "gif"}, "--format gif: must be png or svg"},
		{[]string{"--check", "--html", "x.html"}, "--check is of the document: give neither --html nor --plots"},
	} {
		_, _, err := runAlone(reportCommand(), tc.args...)
		require.EqualError(t, err, tc.want)
		require.ErrorAs(t, err, &usageError{})
	}
	_, _, err := runAlone(reportCommand(), "--html", "absent/x.html")
	require.ErrorContains(t, err, "writing the document")
}

func TestReportPage(t *testing.T) {
	writeResults(t, map[string]string{"a.txt": bootResult, "torn.txt": "BenchmarkX 1 y z\n"})
	_, stderr, err := runAlone(reportCommand(), "--html", "page.html")
	require.NoError(t, err)
	require.Contains(t, stderr, "warning: ")
	page, err := os.ReadFile("page.html")
	require.NoError(t, err)
	require.Contains(t, string(page), "results/h/a.txt at c0ffee")
	require.NoFileExists(t, "BENCHMARKS.md", "it was not asked for")
}

func TestReportPlots(t *testing.T) {
	writeResults(t, map[string]string{
		"a.txt": bootResult + "BenchmarkIdleMemory/target=uml 1 31457280 pss-bytes 31457280 anon-bytes\n",
	})
	_, _, err := runAlone(reportCommand(), "--plots", "plots")
	require.NoError(t, err)
	for _, name := range []string{"boot", "memory"} {
		file, err := os.Open(filepath.Join("plots", name+".png"))
		require.NoError(t, err)
		_, err = png.Decode(file)
		require.NoError(t, err)
		require.NoError(t, file.Close())
	}

	_, _, err = runAlone(reportCommand(), "--plots", "plots", "--format", "svg")
	require.NoError(t, err)
	first, err := os.ReadFile("plots/boot.svg")
	require.NoError(t, err)
	require.Contains(t, string(first), ">35.0 ms<")
	_, _, err = runAlone(reportCommand(), "--plots", "plots", "--format", "svg")
	require.NoError(t, err)
	second, err := os.ReadFile("plots/boot.svg")
	require.NoError(t, err)
	require.Equal(t, first, second)
}

// TestReportPlotsOfPlainRuns: a comparison or a calibration is not drawn, and what is
// missing is said.
func TestReportPlotsOfPlainRuns(t *testing.T) {
	writeResults(t, map[string]string{
		"a.txt": bootResult,
		"b.txt": "host: h\ndate: 2026-01-01\nkind: calibrate\n\nBenchmarkIdleMemory/target=uml 1 31457280 pss-bytes\n",
	})
	_, _, err := runAlone(reportCommand(), "--plots", "plots")
	require.EqualError(t, err, "no plot of IdleMemory: there is no such run in results (run 'arcbox-bench run')")
	require.FileExists(t, "plots/boot.png")
	require.NoFileExists(t, "plots/memory.png")
}
