// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/env"
	"arcbox.dev/bench/record"
)

// writeRun writes a results file of a day, with further configuration lines.
func writeRun(t *testing.T, path string, day int, samples []record.Sample, further ...record.Label) {
	t.Helper()
	about := record.About{
		Host:   env.Host{Arch: "amd64", CPU: "cpu", Cores: 2, Memory: 24 << 30, Kernel: "Linux 6.1", OS: "debian 12"},
		Commit: "c0ffee", Command: "arcbox-bench run boot", Noise: "quiet",
		Date:    time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC),
		Systems: []record.Label{{Key: "uml-lean", Value: "Linux 6.12"}},
	}
	w, err := record.Create(path, append(about.Config(), further...), nil)
	require.NoError(t, err)
	for _, s := range samples {
		require.NoError(t, w.Write(s))
	}
	require.NoError(t, w.Close())
}

func TestSection(t *testing.T) {
	results := filepath.Join(t.TempDir(), "results")
	require.NoError(t, os.MkdirAll(results, 0o755))
	found, _, err := Load(results)
	require.NoError(t, err)
	empty := Section(found)
	require.Contains(t, empty, "Nothing has been recorded yet.")
	require.Contains(t, empty, "| cold boot < 1.5 s | — | | not measurable here: no ColdBoot of ArcBox is recorded | any | |\n")

	disturbed := testSamples()
	for i := range disturbed {
		disturbed[i].Round = 1 + i
	}
	disturbed[2].Disturbed = "swap 4/s"
	writeRun(t, filepath.Join(results, "h", "z-old.txt"), 1, samplesOf("ColdBoot/target=uml", "agent_ready-ns", 999e6))
	writeRun(t, filepath.Join(results, "h", "a-new.txt"), 2, disturbed)
	writeRun(t, filepath.Join(results, "h", "ab.txt"), 3, samplesOf("ColdBoot/target=uml/rev=new", "agent_ready-ns", 777e6))
	writeRun(t, filepath.Join(results, "h", "calibrate.txt"), 3, samplesOf("ColdBoot/target=uml", "agent_ready-ns", 888e6), record.Label{Key: "kind", Value: "calibrate"})
	require.NoError(t, os.WriteFile(filepath.Join(results, "SCHEMA.md"), []byte("BenchmarkX 1 y"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(results, "h", "torn.txt"), []byte("BenchmarkX 1 y z\nBenchmarkX 1 5"), 0o600))
	found, warnings, err := Load(results)
	require.NoError(t, err)
	require.Len(t, warnings, 1)
	text := Section(found)
	for _, unwanted := range []string{"999", "888", "777"} {
		require.NotContains(t, text, unwanted)
	}
	for _, want := range []string{
		"### Host amd64-2c-24g-", "cpu; 2 CPUs; 24576 MiB of memory; Linux 6.1; debian 12.",
		"#### ColdBoot", "115.0 ms (100.0–130.0)", "#### IdleMemory",
		"From [results/h/a-new.txt](results/h/a-new.txt) at commit c0ffee. Disturbed samples: uml lean 1 of 6.\n",
		"#### The runs\n\n[results/h/a-new.txt](results/h/a-new.txt): `arcbox-bench run boot` at commit c0ffee on 2026-01-02T00:00:00Z. Noise before it: quiet.\n",
		"Disturbed samples: none.\n", "- uml-lean: Linux 6.12",
		"| cold boot < 1.5 s | 115.0 ms (100.0–130.0) | uml lean | pass | " + found[0].Config["host"] + " | [ColdBoot](results/h/a-new.txt) at c0ffee |\n",
		"| hot boot < 0.5 s | — | | not measurable here: no HotBoot of ArcBox is recorded |",
		"| idle memory < 150 MB | — | | not measurable here",
	} {
		require.Contains(t, text, want)
	}

	_, _, err = Load(filepath.Join(results, "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestUnwatched: of samples that nobody watched nothing is said.
func TestUnwatched(t *testing.T) {
	results := t.TempDir()
	writeRun(t, filepath.Join(results, "a.txt"), 1, testSamples())
	found, _, err := Load(results)
	require.NoError(t, err)
	require.NotContains(t, Section(found), "Disturbed")
}

func TestLoadRefusesWhatIsNoNumber(t *testing.T) {
	results := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(results, "a.txt"), fmt.Appendf(nil, "BenchmarkA 1 %v a-ns\n", math.NaN()), 0o600))
	_, _, err := Load(results)
	require.ErrorContains(t, err, "a.txt")
}
