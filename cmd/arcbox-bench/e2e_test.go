// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

// buildLab builds the lab and what it needs beside it, and returns its path.
func buildLab(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir+"/", "arcbox.dev/cmd/arcbox-bench", "arcbox.dev/cmd/arcbox-vmm", "arcbox.dev/cmd/arcbox-agent", "arcbox.dev/cmd/arcbox-probe")
	build.Env = append(build.Environ(), "CGO_ENABLED=0") // the agent is the only program in its guest
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return filepath.Join(dir, "arcbox-bench")
}

// need skips a test that the host lacks a program for.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: run `ci/setup test`", p)
		}
	}
}

// TestMeasuresRealVMs boots ArcBox and QEMU side by side, once each.
func TestMeasuresRealVMs(t *testing.T) {
	need(t, "linux.uml", "qemu-system-x86_64")
	file := filepath.Join(t.TempDir(), "run.txt")
	lab := exec.Command(buildLab(t), "run", "boot", "memory", "--targets", "uml:packaged,qemu:tcg", "--count", "1", "--warmup", "0", "--out", file)
	out, err := lab.CombinedOutput()
	require.NoError(t, err, "%s", out)

	runs, warnings, err := record.Read(file)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, runs, 1)
	require.Len(t, runs[0].Samples, 4)
	for _, s := range runs[0].Samples {
		wanted := []string{"vmm_up-ns", "init-ns", "agent_ready-ns", "first_exec-ns"}
		if s.Base() == "IdleMemory" {
			wanted = []string{"pss-bytes", "vmm_pss-bytes"}
		}
		for i, unit := range wanted {
			v, ok := s.Value(unit)
			require.True(t, ok, "%s has no %s", s.Name, unit)
			require.Positive(t, v)
			if i > 0 && s.Base() == "ColdBoot" {
				before, _ := s.Value(wanted[i-1])
				require.Greater(t, v, before, "%s: %s comes after %s", s.Name, unit, wanted[i-1])
			}
		}
	}
	require.Contains(t, runs[0].Config["target-qemu-tcg"], "QEMU emulator version")
	require.Contains(t, runs[0].Config["target-uml-packaged"], "Linux 6.")
}

// startRun starts a run that would take long, and returns once it has measured twice.
func startRun(t *testing.T, file string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	lab := exec.Command(buildLab(t), "run", "boot", "--targets", "uml:packaged", "--count", "1000", "--warmup", "0", "--out", file)
	stderr, err := lab.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, lab.Start())
	t.Cleanup(func() { _ = lab.Process.Kill() }) // has ended already where the test passed
	lines := bufio.NewReader(stderr)
	var seen []string
	for {
		line, err := lines.ReadString('\n')
		seen = append(seen, line)
		require.NoError(t, err, "%s", seen)
		if strings.HasPrefix(line, "[   3/1000]") {
			return lab, lines
		}
	}
}

// samplesIn returns the samples of a file that must be in order.
func samplesIn(t *testing.T, file string) []record.Sample {
	t.Helper()
	runs, warnings, err := record.Read(file)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, runs, 1)
	return runs[0].Samples
}

// TestKilledLab: what was measured when the lab is killed is in the file.
func TestKilledLab(t *testing.T) {
	need(t, "linux.uml")
	file := filepath.Join(t.TempDir(), "run.txt")
	lab, _ := startRun(t, file)
	require.NoError(t, lab.Process.Kill())
	_ = lab.Wait() // killed
	require.GreaterOrEqual(t, len(samplesIn(t, file)), 2)
}

// TestResume: a run that was killed goes on where it ended, by its file alone.
func TestResume(t *testing.T) {
	need(t, "linux.uml")
	file, program := filepath.Join(t.TempDir(), "run.txt"), buildLab(t)
	out, err := exec.Command(program, "run", "boot", "--targets", "uml:packaged", "--count", "3", "--warmup", "0", "--seed", "1", "--out", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	last := bytes.LastIndex(whole, []byte("#: round=3"))
	require.NoError(t, os.WriteFile(file, whole[:last+40], 0o600))
	require.Len(t, samplesIn(t, file), 2)

	out, err = exec.Command(program, "run", "--resume", file).CombinedOutput()
	require.NoError(t, err, "%s", out)
	samples := samplesIn(t, file)
	require.Len(t, samples, 3)
	require.Equal(t, 3, samples[2].Round)
}

// TestInterruptedLab: Ctrl-C ends the run in good order.
func TestInterruptedLab(t *testing.T) {
	need(t, "linux.uml")
	file := filepath.Join(t.TempDir(), "run.txt")
	lab, lines := startRun(t, file)
	require.NoError(t, lab.Process.Signal(syscall.SIGINT))
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Error(t, lab.Wait())
	require.Equal(t, statusInterrupted, lab.ProcessState.ExitCode(), "%s", rest)
	require.GreaterOrEqual(t, len(samplesIn(t, file)), 3)
}

// TestHangingGuest: a boot that takes too long says what the guest wrote last.
func TestHangingGuest(t *testing.T) {
	need(t, "linux.uml")
	file := filepath.Join(t.TempDir(), "run.txt")
	out, err := exec.Command(buildLab(t), "run", "boot", "--targets", "uml:packaged", "--count", "1", "--warmup", "0", "--limit", "400ms", "--out", file).CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "ColdBoot/target=uml/kernel=packaged failed: time limit of 400ms: ")
	require.Contains(t, string(out), "the guest's last line was")
}
