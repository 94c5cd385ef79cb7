// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// benchstat runs the format's own tool, of the version that go.mod names.
func benchstat(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"tool", "benchstat"}, args...)...)
	var warnings strings.Builder
	cmd.Stderr = &warnings
	out, err := cmd.Output()
	require.NoError(t, err, "%s", warnings.String())
	require.Empty(t, warnings.String(), "benchstat %s", strings.Join(args, " "))
	return string(out)
}

// TestBenchstatReadsAllResults reads what the repository holds, in the way that
// results/SCHEMA.md tells.
func TestBenchstatReadsAllResults(t *testing.T) {
	files := 0
	require.NoError(t, filepath.WalkDir(filepath.Join("..", "..", "results"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".txt" {
			return err
		}
		files++
		runs, warnings, err := Read(path)
		require.NoError(t, err)
		require.Empty(t, warnings, path)
		out := benchstat(t, "-table", "host", path)
		names := map[string]bool{}
		for _, r := range runs {
			for _, s := range r.Samples {
				names[s.Name] = true
			}
		}
		for name := range names {
			require.Contains(t, out, name+" ", path)
		}
		return nil
	}))
	require.NotZero(t, files)
}

func TestBenchstatComparesTwoRevisions(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ab.txt")
	w, err := Create(path, about.Config(), []Unit{{Name: "vmm_up-ns", Better: "lower", Floor: 0.05, Slack: 5e5}, {Name: "vms-count", Better: "higher"}})
	require.NoError(t, err)
	for i := range 12 {
		for rev, ns := range map[string]float64{"old": 20e6, "new": 25e6} {
			name, err := Name("Boot", Label{"target", "uml"}, Label{"rev", rev})
			require.NoError(t, err)
			require.NoError(t, w.Write(Sample{
				Name: name, Iters: 1, Round: i + 1, Disturbed: "others used 34 % of the CPUs",
				Values: []Value{{ns + float64(i*1000), "vmm_up-ns"}, {float64(40 + i), "vms-count"}},
			}))
		}
		require.NoError(t, w.Note("a target failed"))
	}
	require.NoError(t, w.Close())
	out := benchstat(t, "-col", "/rev@(old new)", path)
	require.Contains(t, out, "vmm_up-sec")
	require.Contains(t, out, "+24.99% (p=0.000 n=12)", "worse, and so said")
	require.Contains(t, out, "~ (p=1.000 n=12)")
}
