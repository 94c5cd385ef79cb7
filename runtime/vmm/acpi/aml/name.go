// SPDX-License-Identifier: MIT OR Apache-2.0

package aml

import "strings"

// Prefixes of names (ACPI 6.4 §20.2.2).
const (
	dualNamePrefix  = 0x2e
	multiNamePrefix = 0x2f
	maxSegments     = 255
	segmentSize     = 4 // bytes
)

// Ref refers to an object by its name: segments of up to four characters, joined by
// dots, behind a backslash (from the root) or carets (from the parent). A segment
// has capitals, digits and underscores, and does not start with a digit.
func Ref(name string) Term {
	rest := name
	var code []byte
	if after, ok := strings.CutPrefix(rest, `\`); ok {
		code, rest = append(code, '\\'), after
	} else {
		for strings.HasPrefix(rest, "^") {
			code, rest = append(code, '^'), rest[1:]
		}
	}
	if rest == "" && name != "" {
		return Term{code: append(code, 0)} // NullName
	}
	segments := strings.Split(rest, ".")
	switch n := len(segments); {
	case n > maxSegments:
		return failed("encoding an ACPI name: %d segments, and %d can be", n, maxSegments)
	case n == 2:
		code = append(code, dualNamePrefix)
	case n > 2:
		code = append(code, multiNamePrefix, byte(n))
	}
	for _, s := range segments {
		if !isSegment(s) {
			return failed("encoding the ACPI name %q: %q is no segment of a name", name, s)
		}
		code = append(append(code, s...), "____"[:segmentSize-len(s)]...)
	}
	return Term{code: code}
}

func isSegment(s string) bool {
	if len(s) == 0 || len(s) > segmentSize {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return true
}
