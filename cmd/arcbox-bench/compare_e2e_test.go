// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestGateOnRealBoots: the same code passes, and code with 20 ms planted in its boot
// path fails, with the name of the benchmark and of the span.
func TestGateOnRealBoots(t *testing.T) {
	need(t, "linux.uml", "git")
	root := strings.TrimSuffix(string(output(t, "git", "rev-parse", "--show-toplevel")), "\n")
	program := buildLab(t)
	target := "uml:packaged"
	if list := string(output(t, program, "list")); !strings.Contains(list, "uml:lean          ArcBox, driver uml, our lean kernel\n                  missing") {
		target = "uml:lean" // much faster
	}
	scenario := filepath.Join(t.TempDir(), "boots.toml")
	require.NoError(t, os.WriteFile(scenario, fmt.Appendf(nil, "[[run]]\nscenario = \"boot\"\ntargets = [%q]\ncount = 16\n", target), 0o600))

	compare := func(plant string) (string, error) {
		cmd := exec.Command(program, "compare", "--suite", scenario, "--base", "HEAD", "--head", "HEAD", "--plant", plant,
			"--seed", "1", "--out", filepath.Join(t.TempDir(), "run.txt"))
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	out, err := compare("arcbox.dev/runtime/core:(*Runtime).Boot:time.Sleep(0)")
	require.NoError(t, err, "%s", out)
	out, err = compare("arcbox.dev/runtime/core:(*Runtime).Boot:time.Sleep(20*time.Millisecond)")
	require.Error(t, err, "%s", out)
	require.Contains(t, out, "REGRESSION ColdBoot/target=uml/kernel="+strings.TrimPrefix(target, "uml:")+" vmm_up: +", "%s", out)
}

func output(t *testing.T, program string, args ...string) []byte {
	t.Helper()
	out, err := exec.Command(program, args...).Output()
	require.NoError(t, err)
	return out
}
