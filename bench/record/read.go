// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"bytes"
	"fmt"
	"maps"
	"os"

	"golang.org/x/perf/benchfmt"
)

// Run is a stretch of samples taken under one configuration.
type Run struct {
	Config  map[string]string
	Units   []Unit // those that the file describes, by name
	Samples []Sample
}

// Read reads a results file, ours or of `go test -bench`. A file that was put
// together from several gives one Run for each change of the configuration. Lines
// that are no samples of the format are skipped, as all its tools do; those that
// look like some and cannot be read are returned as warnings, one line each.
func Read(path string) (runs []Run, warnings []string, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("reading results: %w", err)
	}
	runs, warnings = Parse(data, path)
	return runs, warnings, nil
}

// Parse is Read of what is in memory; name is what warnings call it.
func Parse(data []byte, name string) (runs []Run, warnings []string) {
	// A last line without its end was cut off: half a number is a number too.
	data = data[:bytes.LastIndexByte(data, '\n')+1]
	lines := bytes.Split(data, []byte("\n"))
	reader := benchfmt.NewReader(bytes.NewReader(data), name)
	var units []*benchfmt.UnitMetadata
	for reader.Scan() {
		switch rec := reader.Result().(type) {
		case *benchfmt.Result:
			config := fileConfig(rec)
			if len(runs) == 0 || !maps.Equal(runs[len(runs)-1].Config, config) {
				runs = append(runs, Run{Config: config})
			}
			s := sample(rec)
			if _, line := rec.Pos(); line >= 2 { // counted from 1
				s.annotate(string(lines[line-2]))
			}
			last := &runs[len(runs)-1]
			last.Samples = append(last.Samples, s)
		case *benchfmt.UnitMetadata:
			units = append(units, rec)
		case *benchfmt.SyntaxError:
			warnings = append(warnings, rec.Error())
		}
	}
	if err := reader.Err(); err != nil { // a line longer than the reader takes
		warnings = append(warnings, err.Error())
	}
	described := unitsOf(units)
	for i := range runs {
		runs[i].Units = described
	}
	return runs, warnings
}

func fileConfig(rec *benchfmt.Result) map[string]string {
	out := make(map[string]string, len(rec.Config))
	for _, c := range rec.Config {
		if c.File {
			out[c.Key] = string(c.Value)
		}
	}
	return out
}

// sample copies a result, with the units that the file has: the reader turns
// nanoseconds into seconds and keeps the original beside them.
func sample(rec *benchfmt.Result) Sample {
	s := Sample{Name: rec.Name.String(), Iters: rec.Iters}
	for _, v := range rec.Values {
		if v.OrigUnit != "" {
			s.Values = append(s.Values, Value{v.OrigValue, v.OrigUnit})
		} else {
			s.Values = append(s.Values, Value{v.Value, v.Unit})
		}
	}
	return s
}
