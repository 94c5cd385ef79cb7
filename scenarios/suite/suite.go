// SPDX-License-Identifier: MIT OR Apache-2.0

// Package suite reads scenario files: TOML that says which scenarios are measured,
// on which targets, how often and within which limits. The files beside it are the
// project's own suites, and the manual of the format by example.
package suite

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/dustin/go-humanize"
)

// Suite is a scenario file.
type Suite struct {
	Name  string // the file's name, without its ending
	About string // one line
	Runs  []Run
}

// Run is one scenario on some targets.
type Run struct {
	Scenario string
	Targets  []string
	Count    int           // samples on each target
	Warmup   int           // runs before that, which are not recorded
	Limit    time.Duration // that one sample may take
	CPUs     int           // of each VM
	Memory   uint64        // of each VM, bytes
	// Counted has a worker of its own count system calls and the like, which slows
	// what it measures down. It follows from the scenario.
	Counted bool
}

// file is the TOML document. What a run leaves out it takes from the top.
type file struct {
	About string `toml:"about"`
	settings
	Runs []run `toml:"run"`
}

type run struct {
	Scenario string   `toml:"scenario"`
	Targets  []string `toml:"targets"`
	settings
}

// settings may stand at the top and in each run; nil is left out.
type settings struct {
	Count  *int    `toml:"count"`
	Warmup *int    `toml:"warmup"`
	Limit  *string `toml:"limit"`
	CPUs   *int    `toml:"cpus"`
	Memory *string `toml:"memory"`
}

// The usual size of a VM.
const (
	DefaultCPUs   = 1
	DefaultMemory = 256 << 20 // bytes
)

// defaults are what neither a run nor the top of its file says.
var defaults = settings{new(20), new(1), new("2m"), new(DefaultCPUs), new(humanize.IBytes(DefaultMemory))}

//go:embed *.toml
var own embed.FS

// Own returns the project's suites by name.
func Own() ([]Suite, error) {
	names, err := fs.Glob(own, "*.toml")
	if err != nil {
		return nil, err
	}
	var suites []Suite
	for _, name := range names {
		s, err := Load(strings.TrimSuffix(name, ".toml"))
		if err != nil {
			return nil, err
		}
		suites = append(suites, s)
	}
	return suites, nil
}

// Load reads one of the project's suites, by its name, or a file of the user's,
// by its path, which ends in ".toml".
func Load(name string) (Suite, error) {
	if strings.HasSuffix(name, ".toml") {
		data, err := os.ReadFile(name)
		if err != nil {
			return Suite{}, fmt.Errorf("reading the scenario file: %w", err)
		}
		return parse(name, data)
	}
	data, err := own.ReadFile(name + ".toml")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrInvalid) {
		return Suite{}, fmt.Errorf("there is no suite %q (there are %s; a file of your own ends in .toml)", name, strings.Join(ownNames(), ", "))
	}
	if err != nil {
		return Suite{}, err
	}
	return parse(name+".toml", data)
}

func ownNames() []string {
	names, _ := fs.Glob(own, "*.toml") // the pattern is right
	for i := range names {
		names[i] = strings.TrimSuffix(names[i], ".toml")
	}
	return names
}

// parse reads a document. An error is one line that names the file.
func parse(name string, data []byte) (Suite, error) {
	var f file
	meta, err := toml.NewDecoder(bytes.NewReader(data)).Decode(&f)
	var syntax toml.ParseError
	switch {
	case errors.As(err, &syntax):
		return Suite{}, fmt.Errorf("%s, line %d: %s", name, syntax.Position.Line, syntax.Message)
	case err != nil:
		return Suite{}, fmt.Errorf("%s: %w", name, err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return Suite{}, fmt.Errorf("%s: unknown key %q", name, unknown[0])
	}
	s := Suite{Name: base(name), About: f.About}
	if len(f.Runs) == 0 {
		return Suite{}, fmt.Errorf("%s: nothing to run: add a [[run]]", name)
	}
	for i, r := range f.Runs {
		resolved, err := r.resolve(f.settings)
		if err != nil {
			return Suite{}, fmt.Errorf("%s, run %d: %w", name, i+1, err)
		}
		s.Runs = append(s.Runs, resolved)
	}
	return s, nil
}

func base(name string) string {
	return strings.TrimSuffix(name[strings.LastIndexByte(name, '/')+1:], ".toml")
}

// resolve fills in what the run leaves out, and finds its mistakes.
func (r run) resolve(top settings) (Run, error) {
	out := Run{
		Scenario: r.Scenario,
		Targets:  r.Targets,
		Count:    first(r.Count, top.Count, defaults.Count),
		Warmup:   first(r.Warmup, top.Warmup, defaults.Warmup),
		CPUs:     first(r.CPUs, top.CPUs, defaults.CPUs),
	}
	limit, memory := first(r.Limit, top.Limit, defaults.Limit), first(r.Memory, top.Memory, defaults.Memory)
	var err error
	if out.Limit, err = time.ParseDuration(limit); err != nil || out.Limit <= 0 {
		return Run{}, fmt.Errorf("limit %q: not a time such as \"30s\"", limit)
	}
	if out.Memory, err = humanize.ParseBytes(memory); err != nil {
		return Run{}, fmt.Errorf("memory %q: not a size such as \"256MiB\"", memory)
	}
	return out, out.Check()
}

// The bounds of a VM's memory, in bytes.
const (
	minMemory = 1 << 20
	maxMemory = 1 << 44
)

// Check finds what cannot be run.
func (r Run) Check() error {
	switch {
	case r.Scenario == "":
		return errors.New("name a scenario")
	case len(r.Targets) == 0:
		return fmt.Errorf("scenario %s: name its targets", r.Scenario)
	case r.Count < 1:
		return fmt.Errorf("count %d: take at least 1 sample", r.Count)
	case r.Warmup < 0:
		return fmt.Errorf("warmup %d: must not be negative", r.Warmup)
	case r.Limit <= 0:
		return fmt.Errorf("limit %v: must be positive", r.Limit)
	case r.CPUs < 1:
		return fmt.Errorf("cpus %d: a VM has at least 1", r.CPUs)
	case r.Memory < minMemory || r.Memory > maxMemory:
		return fmt.Errorf("memory of %d bytes: must be from 1 MiB to 16 TiB", r.Memory)
	}
	return nil
}

// first returns the first that is there; the last one is.
func first[T any](choices ...*T) T {
	for _, c := range choices {
		if c != nil {
			return *c
		}
	}
	var none T
	return none
}
