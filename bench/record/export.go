// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strings"
)

// The JSON document, described in results/SCHEMA.md. Fields may be added to it; what
// is there keeps its name and meaning for as long as the schema's number does.
type document struct {
	Schema int           `json:"schema"`
	Runs   []exportedRun `json:"runs"`
}

type exportedRun struct {
	Config  map[string]string `json:"config"`
	Units   []exportedUnit    `json:"units"`
	Samples []exportedSample  `json:"samples"`
}

type exportedUnit struct {
	Name   string  `json:"name"`
	Better string  `json:"better,omitempty"`
	Floor  float64 `json:"floor,omitempty"`
	Slack  float64 `json:"slack,omitempty"`
}

type exportedSample struct {
	Name       string             `json:"name"`
	Base       string             `json:"base"`
	Labels     map[string]string  `json:"labels"`
	Iterations int                `json:"iterations"`
	Round      int                `json:"round,omitempty"`
	Disturbed  string             `json:"disturbed,omitempty"`
	Values     map[string]float64 `json:"values"` // by unit
}

// Export writes the runs as one JSON document. A value that JSON has no number for
// is an error, and so is a sample with two values of one unit; then nothing is written.
func Export(w io.Writer, runs []Run) error {
	doc := document{Schema: Schema, Runs: make([]exportedRun, len(runs))}
	for i, r := range runs {
		out := exportedRun{Config: r.Config, Units: make([]exportedUnit, len(r.Units)), Samples: make([]exportedSample, len(r.Samples))}
		for j, u := range r.Units {
			out.Units[j] = exportedUnit(u)
		}
		for j, s := range r.Samples {
			var err error
			if out.Samples[j], err = exportSample(s); err != nil {
				return err
			}
		}
		doc.Runs[i] = out
	}
	text, err := json.MarshalIndent(doc, "", " ")
	if err != nil {
		return fmt.Errorf("exporting samples: %w", err)
	}
	if _, err := w.Write(append(text, '\n')); err != nil {
		return fmt.Errorf("exporting samples: %w", err)
	}
	return nil
}

func exportSample(s Sample) (exportedSample, error) {
	out := exportedSample{
		Name: s.Name, Base: s.Base(), Labels: map[string]string{}, Iterations: s.Iters,
		Round: s.Round, Disturbed: s.Disturbed, Values: map[string]float64{},
	}
	for part := range strings.SplitSeq(s.Name, "/") {
		if key, value, ok := strings.Cut(part, "="); ok {
			out.Labels[key] = value
		}
	}
	for _, v := range s.Values {
		if _, twice := out.Values[v.Unit]; twice {
			return exportedSample{}, fmt.Errorf("exporting a sample of %s: it has two values of %s", s.Name, v.Unit)
		}
		if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
			return exportedSample{}, fmt.Errorf("exporting a sample of %s: %s is %v", s.Name, v.Unit, v.Value)
		}
		out.Values[v.Unit] = v.Value
	}
	return out, nil
}
