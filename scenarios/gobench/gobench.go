// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package gobench takes samples with the benchmarks of Go packages (testing.B): it
// builds each package's test program once and runs its benchmarks round by round,
// in another random order each time, so that whatever changes on the machine meets
// all of them alike.
package gobench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"arcbox.dev/bench/record"
)

// Benchmark is a benchmark function, with all its sub-benchmarks.
type Benchmark struct {
	Name string // "BenchmarkSum"

	label   string // of its package
	dir     string // of its package: where go test runs it
	program string
}

// String names the benchmark for people.
func (b Benchmark) String() string { return b.label + "." + strings.TrimPrefix(b.Name, "Benchmark") }

// Variant is a second build of some packages, with tags.
type Variant struct {
	Tags     string // as for the go command
	Packages *regexp.Regexp
}

// ParseVariant reads a variant as a user writes it: TAGS:EXPRESSION.
func ParseVariant(text string) (Variant, error) {
	tags, expression, ok := strings.Cut(text, ":")
	if !ok || tags == "" || expression == "" {
		return Variant{}, fmt.Errorf("%q is not TAGS:EXPRESSION", text)
	}
	packages, err := regexp.Compile(expression)
	if err != nil {
		return Variant{}, fmt.Errorf("%q: %w", text, err)
	}
	return Variant{tags, packages}, nil
}

// Build builds the test programs of all packages of a module, which is the one in
// the folder module and no other of its workspace, into the folder into, and returns
// their benchmarks. A package is named after its path below the import path root; in
// a variant the tags are part of its name.
func Build(ctx context.Context, module, root, into string, variants ...Variant) ([]Benchmark, error) {
	listed, err := output(ctx, module, "go", "list", "-f", "{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}\t{{.Dir}}{{end}}", "./...")
	if err != nil {
		return nil, fmt.Errorf("listing the packages of %s: %w", module, err)
	}
	var all []Benchmark
	for line := range strings.Lines(listed) {
		path, dir, ok := strings.Cut(strings.TrimSpace(line), "\t")
		if !ok {
			continue // no tests
		}
		p := Benchmark{label: label(path, root), dir: dir}
		found, err := p.build(ctx, into, "")
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		for _, v := range variants {
			if !v.Packages.MatchString(p.label) {
				continue
			}
			other := Benchmark{label: p.label + "+" + v.Tags, dir: dir}
			if found, err = other.build(ctx, into, v.Tags); err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	return all, nil
}

// build builds the test program of the package that b names, and returns a copy of b
// for each benchmark in it.
func (b Benchmark) build(ctx context.Context, into, tags string) ([]Benchmark, error) {
	b.program = filepath.Join(into, b.label+".test")
	if _, err := output(ctx, b.dir, "go", "test", "-c", "-tags", tags, "-o", b.program, "."); err != nil {
		return nil, fmt.Errorf("building the benchmarks of %s: %w", b.label, err)
	}
	names, err := output(ctx, b.dir, b.program, "-test.list", "^Benchmark")
	if err != nil {
		return nil, fmt.Errorf("listing the benchmarks of %s: %w", b.label, err)
	}
	var all []Benchmark
	for _, name := range strings.Fields(names) {
		b.Name = name
		all = append(all, b)
	}
	return all, nil
}

// label names a package: "ring", "peers.rings".
func label(path, root string) string {
	return strings.ReplaceAll(strings.TrimPrefix(strings.TrimPrefix(path, root), "/"), "/", ".")
}

// Run runs the benchmark once, each of its sub-benchmarks for about the time given,
// and returns a sample of each and the CPU time that all took.
func (b Benchmark) Run(ctx context.Context, each time.Duration) ([]record.Sample, time.Duration, error) {
	c := command(ctx, b.dir, b.program, "-test.run", "^$", "-test.bench", "^"+b.Name+"$", "-test.benchtime", each.String())
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var used time.Duration
	if c.ProcessState != nil {
		used = c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	}
	if err != nil {
		return nil, used, fmt.Errorf("running %v: %w: %s", b, err, lastLine(stdout.String()+stderr.String()))
	}
	samples, err := samples(stdout.Bytes(), b.label)
	if err != nil {
		return nil, used, fmt.Errorf("running %v: %w", b, err)
	}
	return samples, used, nil
}

// command runs in a package's folder with its module alone, whose requirements count.
func command(ctx context.Context, dir, program string, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, program, args...)
	c.Dir = dir
	c.Env = append(c.Environ(), "GOWORK=off")
	return c
}

func output(ctx context.Context, dir, program string, args ...string) (string, error) {
	out, err := command(ctx, dir, program, args...).Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = fmt.Errorf("%w: %s", err, lastLine(string(exit.Stderr)))
	}
	return string(out), err
}

func lastLine(text string) string {
	text = strings.TrimSpace(text)
	return text[strings.LastIndexByte(text, '\n')+1:]
}

// Requirements are the modules that a module names itself, with their versions: what
// its benchmarks measure beside our own.
func Requirements(ctx context.Context, module string) ([]record.Label, error) {
	listed, err := output(ctx, module, "go", "list", "-m", "-f", "{{if and .Version (not .Indirect) (not .Replace)}}{{.Path}} {{.Version}}{{end}}", "all")
	if err != nil {
		return nil, fmt.Errorf("listing the requirements of %s: %w", module, err)
	}
	var out []record.Label
	for line := range strings.Lines(listed) {
		if path, version, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			out = append(out, record.Label{Key: strings.ReplaceAll(path, "/", "-"), Value: version})
		}
	}
	return out, nil
}

// Path is the import path of the module in a folder.
func Path(ctx context.Context, module string) (string, error) {
	path, err := output(ctx, module, "go", "list", "-m")
	if err != nil {
		return "", fmt.Errorf("asking for the module in %s: %w", module, err)
	}
	return strings.TrimSpace(path), nil
}
