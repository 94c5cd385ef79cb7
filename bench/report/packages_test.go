// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

// ringRun has ten rounds in which the machine is ever slower: ours always takes 0.8 of
// theirs.
func ringRun() []record.Sample {
	var samples []record.Sample
	for round := 1; round <= 10; round++ {
		theirs := 5 * float64(round)
		samples = append(samples,
			record.Sample{Name: "SPSC/pkg=rings/impl=arcbox", Round: round, Values: []record.Value{{Value: 0.8 * theirs, Unit: "ns/op"}}},
			record.Sample{Name: "SPSC/pkg=rings/impl=c", Round: round, Values: []record.Value{{Value: theirs, Unit: "ns/op"}}, Disturbed: "others"},
			record.Sample{Name: "Sum/pkg=checksum", Round: round, Values: []record.Value{{Value: 4, Unit: "ns/op"}, {Value: 250, Unit: "MB/s"}}})
	}
	return samples
}

func TestRatioGrid(t *testing.T) {
	const ours, theirs = "SPSC/pkg=rings/impl=arcbox", "SPSC/pkg=rings/impl=c"
	for _, tc := range []struct {
		goal RatioGoal
		want []string
	}{
		{RatioGoal{"a ratio", ours, theirs, 0.8}, []string{"a ratio", "≤ 0.8 ×", "0.8 × (0.8–0.8)", "10", "met"}},
		{RatioGoal{"a ratio", ours, theirs, 0.79}, []string{"a ratio", "≤ 0.79 ×", "0.8 × (0.8–0.8)", "10", "missed"}},
		{RatioGoal{"a time", ours, "", 23}, []string{"a time", "≤ 23 ns", "22 ns (8–36)", "10", "met by the median"}},
		{RatioGoal{"a time", ours, "", 21}, []string{"a time", "≤ 21 ns", "22 ns (8–36)", "10", "missed by the median"}},
		{RatioGoal{"no peer", ours, "gone", 1}, []string{"no peer", "≤ 1 ×", "—", "0", "not measured"}},
		{RatioGoal{"gone", "gone", "", 1}, []string{"gone", "≤ 1 ns", "—", "0", "not measured"}},
	} {
		require.Equal(t, tc.want, ratioGrid([]RatioGoal{tc.goal}, ringRun())[1], "%+v", tc.goal)
	}
}

func TestPackagesMarkdown(t *testing.T) {
	of := func(file, host, kind string) Measured {
		return Measured{File: file, Config: map[string]string{"host": host, kindKey: kind, "command": "arcbox-bench packages datapath"}, Samples: ringRun()}
	}
	text := packagesMarkdown([]Measured{of("old.txt", "h", PackagesKind), of("new.txt", "h", PackagesKind), of("other.txt", "h", "compare")})
	require.Contains(t, text, "### The datapath on h\n")
	require.NotContains(t, text, "old.txt")
	require.NotContains(t, text, "other.txt")
	require.Contains(t, text, "<details><summary>checksum</summary>\n\n| benchmark | n | ns/op | MB/s |\n|---|---:|---:|---:|\n| Sum | 10 |")
	require.Contains(t, text, "| SPSC/impl=c | 10 |")
	require.Contains(t, text, "Disturbed samples: 10 of 30. [new.txt](new.txt): `arcbox-bench packages datapath`")
	require.Empty(t, packagesMarkdown(nil))
}

func TestPackagesText(t *testing.T) {
	var b strings.Builder
	require.NoError(t, PackagesText(&b, ringRun()))
	lines := strings.Split(b.String(), "\n")
	require.Equal(t, "checksum", lines[0])
	require.Equal(t, []string{"benchmark", "n", "ns/op", "MB/s"}, strings.Fields(lines[1]))
	require.Equal(t, []string{"Sum", "10", "4.00", "(4.00–4.00)", "250.0", "(250.0–250.0)"}, strings.Fields(lines[2]))
	require.Contains(t, b.String(), "rings\n")
	require.Contains(t, b.String(), "\nwhat ")
}

// TestDatapathGoals wants each goal to be told apart, and to name benchmarks with the
// package that they are in.
func TestDatapathGoals(t *testing.T) {
	seen := map[string]bool{}
	for _, g := range DatapathGoals {
		require.False(t, seen[g.Text], g.Text)
		seen[g.Text] = true
		require.Positive(t, g.Limit, g.Text)
		for _, name := range []string{g.Ours, g.Theirs} {
			if name != "" {
				require.NotEmpty(t, record.Sample{Name: name}.Label(packageLabel), name)
			}
		}
		require.NotEmpty(t, g.Ours, g.Text)
	}
}
