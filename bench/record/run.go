// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"runtime"
	"strconv"
	"time"

	"arcbox.dev/bench/env"
)

// Schema is the version of what results/SCHEMA.md describes.
const Schema = 1

// About is what a run's configuration lines say of it.
type About struct {
	Host    env.Host
	Commit  string
	Command string    // the command line that makes such a run again
	Date    time.Time // of its start
	Seed    uint64    // of the order in which the samples were taken
	Noise   string    // what the noise check before it said
	Pinning string    // which CPUs the lab and what it measures were kept on
	// Kind tells runs that are for something else from those whose figures stand for
	// themselves: "compare", "calibrate"; "" is one of these.
	Kind    string
	Systems []Label // the systems measured: name and version
}

// SystemPrefix begins the keys of the lines that tell a measured system's version.
const SystemPrefix = "target-"

// Config returns the configuration lines.
func (a About) Config() []Label {
	config := []Label{
		{"schema", strconv.Itoa(Schema)},
		{"host", a.Host.Fingerprint()},
		{"goos", runtime.GOOS},
		{"goarch", a.Host.Arch},
		{"cpu", a.Host.CPU},
		{"cores", strconv.Itoa(a.Host.Cores)},
		{"memory", strconv.FormatUint(a.Host.Memory>>20, 10) + " MiB"},
		{"kernel", a.Host.Kernel},
		{"os", a.Host.OS},
		{"commit", a.Commit},
		{"command", a.Command},
		{"date", a.Date.UTC().Format(time.RFC3339)},
		{"seed", strconv.FormatUint(a.Seed, 10)},
		{"noise", a.Noise},
	}
	for _, c := range []Label{{"pinning", a.Pinning}, {"kind", a.Kind}} {
		if c.Value != "" {
			config = append(config, c)
		}
	}
	for _, s := range a.Systems {
		config = append(config, Label{SystemPrefix + s.Key, s.Value})
	}
	return config
}
