// SPDX-License-Identifier: MIT OR Apache-2.0

package report

import (
	"maps"
	"slices"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/stats"
)

// Goal is one of the mission's targets.
type Goal struct {
	Text  string  // "cold boot < 1.5 s"
	Base  string  // of the benchmark that tells
	Unit  string  // the one that counts
	Limit float64 // in the unit's own measure
	Above bool    // whether the figure must lie above the limit, else below
}

// Goals are the mission's targets.
var Goals = []Goal{
	{Text: "cold boot < 1.5 s", Base: "ColdBoot", Unit: "agent_ready-ns", Limit: 1.5e9},
	{Text: "hot boot < 0.5 s", Base: "HotBoot", Unit: "agent_ready-ns", Limit: 0.5e9},
	{Text: "idle memory < 150 MB", Base: "IdleMemory", Unit: "pss-bytes", Limit: 150e6},
	{Text: "file I/O > 90 % of native", Base: "FileIO", Unit: "native-ratio", Limit: 0.9, Above: true},
}

// drivers are the values of the label target that are ArcBox itself.
var drivers = []string{"kvm", "uml", "vz"}

// better says whether a figure is better than another.
func (g Goal) better(a, b stats.Summary) bool {
	if g.Above {
		return a.Median > b.Median
	}
	return a.Median < b.Median
}

// Outcome is what is known of a goal on one host.
type Outcome struct {
	Goal Goal
	Host string    // fingerprint
	From *Measured // nil: nothing has been recorded
	best
}

// best is the figure of the system that came out best.
type best struct {
	System  string // "uml lean"
	Summary stats.Summary
}

// Verdict is "pass" only if the whole interval lies on the right side of the limit.
func (o Outcome) Verdict() string {
	switch {
	case o.From == nil:
		return "not measurable here: no " + o.Goal.Base + " of ArcBox is recorded"
	case o.Goal.Above && o.Summary.Interval.Low > o.Goal.Limit, !o.Goal.Above && o.Summary.Interval.High < o.Goal.Limit:
		return "pass"
	}
	return "fail"
}

// Outcomes holds plain runs, oldest first, against the goals: of each host the newest
// that tells.
func Outcomes(plain []Measured) []Outcome {
	var hosts []string
	for _, m := range plain {
		if !slices.Contains(hosts, m.Config["host"]) {
			hosts = append(hosts, m.Config["host"])
		}
	}
	if len(hosts) == 0 {
		hosts = []string{"any"}
	}
	slices.Sort(hosts)
	var out []Outcome
	for _, g := range Goals {
		for _, host := range hosts {
			o := Outcome{Goal: g, Host: host}
			for i, m := range plain {
				if m.Config["host"] != host || m.Table.Base != g.Base {
					continue
				}
				if b, ok := g.best(m.Samples); ok {
					o.From, o.best = &plain[i], b
				}
			}
			out = append(out, o)
		}
	}
	return out
}

// best finds the best of ArcBox's systems. A system is as good as the worst of its
// variants: every workload counts.
func (g Goal) best(samples []record.Sample) (b best, found bool) {
	values := map[string][]float64{}
	systems := map[string]string{} // of each name
	for _, s := range samples {
		if v, ok := s.Value(g.Unit); ok && slices.Contains(drivers, s.Label("target")) {
			values[s.Name] = append(values[s.Name], v)
			systems[s.Name] = system(s)
		}
	}
	worst := map[string]stats.Summary{} // by system
	for name, x := range values {
		summary, err := stats.Summarize(x)
		if err != nil {
			continue // of no number; the tables refuse the run
		}
		if was, ok := worst[systems[name]]; !ok || g.better(was, summary) {
			worst[systems[name]] = summary
		}
	}
	for _, name := range slices.Sorted(maps.Keys(worst)) {
		if !found || g.better(worst[name], b.Summary) {
			b, found = best{name, worst[name]}, true
		}
	}
	return b, found
}

// system names what was measured, apart from what was done with it: "uml lean".
func system(s record.Sample) string {
	name := s.Label("target")
	if kernel := s.Label("kernel"); kernel != "" {
		name += " " + kernel
	}
	return name
}
