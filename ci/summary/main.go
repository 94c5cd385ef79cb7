// SPDX-License-Identifier: MIT OR Apache-2.0

// Command summary reads the output of go test -json and prints what a person wants
// of it: failures whole, a line a package, what was skipped and why, and the counts.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is a line of go test -json (go doc test2json).
type event struct {
	Action, Package, Test, Output string
	Elapsed                       float64
}

// summary is what was read so far.
type summary struct {
	passed, failed, skipped int
	output                  map[string][]string // by package and test, until its end
	skips                   []string
}

func main() {
	s := summary{output: map[string][]string{}}
	if err := s.read(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "summary:", err)
		os.Exit(2)
	}
	s.print(os.Stdout)
	if s.failed > 0 {
		os.Exit(1)
	}
}

func (s *summary) read(r io.Reader, w io.Writer) error {
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil {
				fmt.Fprint(w, string(line)) // what the build prints
			} else {
				s.take(e, w)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) take(e event, w io.Writer) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		s.output[key] = append(s.output[key], e.Output)
		return
	case "pass":
		if e.Test != "" {
			s.passed++
		} else {
			fmt.Fprintf(w, "ok    %-55s %6.1f s\n", e.Package, e.Elapsed)
		}
	case "skip":
		if e.Test != "" {
			s.skipped++
			s.skips = append(s.skips, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(s.output[key])))
		}
	case "fail", "build-fail":
		if e.Test != "" {
			s.failed++
		} else if e.Action == "fail" {
			s.failed++ // a package that did not build or crashed has no failing test
		}
		fmt.Fprintf(w, "FAIL  %s\n%s", key, strings.Join(s.output[key], ""))
	default:
		return
	}
	delete(s.output, key)
}

// reason is what a skipped test printed, on one line.
func reason(output []string) string {
	lines := slices.DeleteFunc(slices.Clone(output), func(l string) bool {
		t := strings.TrimSpace(l)
		return t == "" || strings.HasPrefix(t, "===") || strings.HasPrefix(t, "---")
	})
	if len(lines) == 0 {
		return "no reason given"
	}
	text := strings.TrimSpace(strings.Join(lines, " "))
	if _, after, ok := strings.Cut(text, ".go:"); ok {
		if _, after, ok = strings.Cut(after, ": "); ok {
			text = after
		}
	}
	return strings.Join(strings.Fields(text), " ")
}

func (s *summary) print(w io.Writer) {
	for _, skip := range s.skips {
		fmt.Fprintln(w, "skipped:", skip)
	}
	if len(s.skips) == 0 {
		fmt.Fprintln(w, "skipped: nothing")
	}
	fmt.Fprintf(w, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped)
}
