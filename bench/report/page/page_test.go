// SPDX-License-Identifier: MIT OR Apache-2.0

package page

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/report"
)

// load reads results of the given files.
func load(t *testing.T, files map[string]string) []report.Measured {
	t.Helper()
	results := filepath.Join(t.TempDir(), "results")
	require.NoError(t, os.MkdirAll(results, 0o755))
	for name, content := range files {
		require.NoError(t, os.WriteFile(filepath.Join(results, name), []byte(content), 0o600))
	}
	found, warnings, err := report.Load(results)
	require.NoError(t, err)
	require.Empty(t, warnings)
	return found
}

func write(t *testing.T, files map[string]string) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, load(t, files)))
	return b.String()
}

const boots = "BenchmarkColdBoot/target=uml/kernel=lean 1 35000000 agent_ready-ns 8000000 vmm_up-ns\n" +
	"BenchmarkIdleMemory/target=uml/kernel=lean 1 31457280 pss-bytes 10485760 anon-bytes 9437184 vmm_pss-bytes 9437184 vmm_anon-bytes\n"

func TestPage(t *testing.T) {
	got := write(t, map[string]string{
		"a.txt": "host: h1\ndate: 2026-01-01T00:00:00Z\ncommit: c0ffee1\ncommand: arcbox-bench run boot\nnoise: quiet\n\n" + boots,
		"b.txt": "host: h1\ndate: 2026-01-02T00:00:00Z\ncommit: c0ffee2\ntarget-uml-lean: Linux 6.12\n\n#: round=1 disturbed=swap 4/s\n" + boots,
		"c.txt": "host: h1\ndate: 2026-01-03T00:00:00Z\ncommit: c0ffee3\nkind: calibrate\n\n" + boots,
		"d.txt": "host: h2\ndate: 2026-01-01T00:00:00Z\ncommit: c0ffee4\n\nBenchmarkPush/impl=spsc 1000 5 ns/op\n",
	})
	require.Equal(t, 4+4+2, strings.Count(got, "<svg "), "spans, shares, kinds, roles, distributions and courses")
	require.Equal(t, strings.Count(got, "<svg "), strings.Count(got, "<figcaption>"))
	for _, want := range []string{
		"<h2>h1</h2>", "<h2>h2</h2>", `href="#h1-ColdBoot"`, `id="h1-ColdBoot"`,
		`<p class="what">cold boot &lt; 1.5 s</p>`, `<p class="figure">35.0 ms</p>`, `<p class="badge">pass</p>`,
		"not measurable here: no HotBoot of ArcBox is recorded",
		"results/b.txt at c0ffee2", "runs of ColdBoot on this host: 2, named below",
		"<summary>by process</summary>", "<th>vmm_pss</th><td>9.00 MiB</td>",
		"<dt>disturbed samples</dt><dd>uml lean 1 of 1</dd>", "<dt>uml-lean</dt><dd>Linux 6.12</dd>",
		"<td>ColdBoot, IdleMemory (calibrate)</td><td>2</td>", "<code>arcbox-bench run boot</code>", "results/d.txt",
	} {
		require.Contains(t, got, want)
	}
	require.NotContains(t, got, "c0ffee3<br>", "a calibration is listed among the runs and not shown as a figure")
}

// TestPageNeedsNothing: one file that loads nothing and runs nothing.
func TestPageNeedsNothing(t *testing.T) {
	got := write(t, map[string]string{"a.txt": "host: h\n\n" + boots})
	outside := strings.ReplaceAll(got, `xmlns="http://www.w3.org/2000/svg"`, "")
	require.NotRegexp(t, regexp.MustCompile(`(?i)https?://|<script|<link|<img|@import|url\(|\son[a-z]+=`), outside)
	require.Contains(t, got, `content="default-src 'none'; style-src 'unsafe-inline'"`)
}

// TestPageOfHostileNames: what a file says stays text.
func TestPageOfHostileNames(t *testing.T) {
	const evil = `<script>alert(1)</script>"'`
	got := write(t, map[string]string{"a.txt": "host: " + evil + "\ncommit: " + evil + "\ncommand: " + evil + "\n\nBenchmark" + evil + "/a=" + evil + " 1 5 " + evil + "-ns\n"})
	require.NotContains(t, got, "<script")
	require.Contains(t, got, "&lt;script&gt;")
}

func TestPageIsRepeatable(t *testing.T) {
	files := map[string]string{"a.txt": "host: h\ntarget-b: 1\ntarget-a: 2\n\n" + boots}
	require.Equal(t, write(t, files), write(t, files))
}

func TestEmptyPage(t *testing.T) {
	require.Contains(t, write(t, nil), "Nothing has been recorded yet.")
}

func TestPageOfAbsurdNumbers(t *testing.T) {
	found := load(t, map[string]string{"a.txt": "BenchmarkA 1 +Inf a-ns\n"})
	var b bytes.Buffer
	require.ErrorContains(t, Write(&b, found), "A of results/a.txt: making a figure")
	require.Empty(t, b.String())
}
