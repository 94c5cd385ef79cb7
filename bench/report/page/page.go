// SPDX-License-Identifier: MIT OR Apache-2.0

// Package page makes a page of all recorded runs for a browser: one HTML file that
// loads nothing and runs nothing.
package page

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"arcbox.dev/bench/report"
	"arcbox.dev/bench/stats"
)

//go:embed page.html
var source string

//go:embed page.css
var style string

var page = template.Must(template.New("page").Parse(source))

// content is what the page shows.
type content struct {
	Style      template.CSS
	Confidence float64 // of the intervals, in percent
	Hosts      []host
	Runs       []run
}

type host struct {
	Fingerprint, Words string
	Outcomes           []outcome
	Benchmarks         []benchmark
}

type outcome struct {
	report.Outcome
	Figure  string // "35.4 ms"; "" where there is none
	Verdict string // in one word
	Reason  string
}

type benchmark struct {
	report.Measured
	ID           string // of its heading
	Pictures     []picture
	Whole, Parts [][]string // the table, the heads first
}

type run struct {
	report.Measured
	Benchmarks string
	Samples    int
}

// Write makes the page of what was measured, as report.Load gives it.
func Write(w io.Writer, found []report.Measured) error {
	c := content{Style: template.CSS(style), Confidence: 100 * stats.Confidence, Runs: runs(found)}
	plain := report.Plain(found)
	outcomes := report.Outcomes(plain)
	for _, m := range report.Newest(plain) {
		fingerprint := m.Config["host"]
		if n := len(c.Hosts); n == 0 || c.Hosts[n-1].Fingerprint != fingerprint {
			c.Hosts = append(c.Hosts, host{Fingerprint: fingerprint, Words: m.Host(), Outcomes: outcomesOn(outcomes, fingerprint)})
		}
		b, err := benchmarkOf(m, plain)
		if err != nil {
			return fmt.Errorf("%s of %s: %w", m.Table.Base, m.File, err)
		}
		h := &c.Hosts[len(c.Hosts)-1]
		h.Benchmarks = append(h.Benchmarks, b)
	}
	if err := page.Execute(w, c); err != nil {
		return fmt.Errorf("writing the page: %w", err)
	}
	return nil
}

func outcomesOn(all []report.Outcome, fingerprint string) []outcome {
	var out []outcome
	for _, o := range all {
		if o.Host != fingerprint {
			continue
		}
		shown := outcome{Outcome: o, Verdict: o.Verdict()}
		if o.From == nil {
			shown.Verdict, shown.Reason = "not measured", o.Verdict()
		} else {
			shown.Figure = report.Format(o.Summary.Median, o.Goal.Unit)
		}
		out = append(out, shown)
	}
	return out
}

// runs lists all runs, newest first.
func runs(found []report.Measured) []run {
	var out []run
	for i := len(found) - 1; i >= 0; i-- {
		m := found[i]
		if n := len(out); n > 0 && out[n-1].File == m.File && out[n-1].Config["date"] == m.Config["date"] {
			out[n-1].Benchmarks = m.Table.Base + ", " + out[n-1].Benchmarks
			out[n-1].Samples += len(m.Samples)
			continue
		}
		out = append(out, run{Measured: m, Benchmarks: m.Table.Base, Samples: len(m.Samples)})
	}
	return out
}
