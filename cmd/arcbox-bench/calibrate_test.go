// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

// calibration writes a file with so many rounds of boots of 40 ms, on each side as
// much slower as it is said to be, but for the last: it is slower by that.
func calibration(t *testing.T, rounds int, config []record.Label, slow10 float64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "calibration.txt")
	w, err := record.Create(path, config, []record.Unit{{Name: "agent_ready-ns", Better: "lower", Floor: 0.05}})
	require.NoError(t, err)
	for round := range rounds {
		for i, side := range []struct {
			label string
			ms    float64
		}{{"old", 40}, {"same", 40}, {"slow5", 42}, {"slow10", 40 * (1 + slow10)}} {
			noise := float64((round*7+i*3)%11) / 20 // ms
			require.NoError(t, w.Write(record.Sample{
				Name: "ColdBoot/target=uml/rev=" + side.label, Iters: 1, Round: round + 1,
				Values: []record.Value{{Value: 1e6 * (side.ms + noise), Unit: "agent_ready-ns"}},
			}))
		}
	}
	require.NoError(t, w.Close())
	return path
}

func TestCalibrateFrom(t *testing.T) {
	config := []record.Label{{Key: "kind", Value: "calibrate"}, {Key: pairsKey, Value: "20"}}
	path := calibration(t, 400, config, 0.10)
	status, out, errs := lab("calibrate", "--from", path)
	require.Zero(t, status, errs)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 4)
	for i, want := range []string{"trials", "0 false alarms", "+5 %", "0 missed"} {
		require.Contains(t, lines[i], want)
	}
	require.Contains(t, lines[3], "2 of 20 pairs")
	require.Contains(t, lines[3], " 10 ")

	_, out, _ = lab("calibrate", "--from", path, "--count", "100")
	require.Contains(t, out, "2 of 100 pairs")

	// A gate that sees nothing of what is said to be 10 % slower misses its aim.
	status, out, errs = lab("calibrate", "--from", calibration(t, 400, config, 0))
	require.Equal(t, statusFailed, status)
	require.Contains(t, out, "10 missed")
	require.Contains(t, out, "not met")
	require.Contains(t, errs, "wrong more often than it should be: ColdBoot/target=uml (slow10)")
}

func TestCalibrateErrors(t *testing.T) {
	plain := calibration(t, 40, []record.Label{{Key: "kind", Value: "run"}}, 0)
	silent := calibration(t, 40, []record.Label{{Key: "kind", Value: "calibrate"}}, 0)
	short := calibration(t, 30, []record.Label{{Key: "kind", Value: "calibrate"}, {Key: pairsKey, Value: "20"}}, 0)
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"another kind of file": {[]string{"--from", plain}, statusUsage, "is not a file of 'arcbox-bench calibrate'"},
		"no number of pairs":   {[]string{"--from", silent}, statusUsage, "give --count"},
		"too short":            {[]string{"--from", short}, statusFailed, "30 rounds, a trial has two times 20"},
		"no file":              {[]string{"--from", filepath.Join(t.TempDir(), "none")}, statusFailed, "reading results"},
		"no trials":            {[]string{"--trials", "0"}, statusUsage, "--trials 0"},
		"no pairs":             {[]string{"--count", "-1"}, statusUsage, "--count -1"},
		"unknown scenario":     {[]string{"--scenario", "nap"}, statusUsage, `there is no scenario "nap"`},
		"one file for two":     {[]string{"--scenario", "boot,exec", "--out", "x"}, statusUsage, "--out is for one scenario"},
		"an argument":          {[]string{"boot"}, statusUsage, `unexpected "boot"`},
	} {
		t.Run(name, func(t *testing.T) {
			status, _, errs := lab(append([]string{"calibrate"}, c.args...)...)
			require.Equal(t, c.status, status, errs)
			require.Contains(t, errs, c.want)
			require.Equal(t, 1, strings.Count(strings.TrimSpace(errs), "arcbox-bench:"))
		})
	}
}

// TestCommandLines: the recorded command is one that the command line takes.
func TestCommandLines(t *testing.T) {
	o := calibrateOptions{target: "uml:lean", trials: 3, pairs: 20, seed: 7}
	require.Equal(t, "arcbox-bench calibrate --scenario boot --target uml:lean --trials 3 --count 20 --seed 7", o.commandLine("boot"))
	cmd := calibrateCommand()
	require.NoError(t, cmd.ParseFlags(strings.Fields(o.commandLine("boot"))[2:]))
	require.Equal(t, "7", fmt.Sprint(cmd.Flag("seed").Value))
}
