// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package gobench

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"arcbox.dev/bench/record"
)

// procs is what the testing package adds to names: GOMAXPROCS, if it is not 1.
var procs = regexp.MustCompile(`-\d+$`)

// samples reads what a test program wrote. The label pkg comes first in each name.
func samples(text []byte, pkg string) ([]record.Sample, error) {
	runs, warnings := record.Parse(text, pkg)
	if len(warnings) > 0 {
		return nil, errors.New(warnings[0])
	}
	var out []record.Sample
	for _, run := range runs {
		for _, s := range run.Samples {
			base, labels, _ := strings.Cut(procs.ReplaceAllString(s.Name, ""), "/")
			s.Name = fmt.Sprintf("%s/pkg=%s", base, pkg)
			if labels != "" {
				s.Name += "/" + labels
			}
			out = append(out, s)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("it measured nothing")
	}
	return out, nil
}
