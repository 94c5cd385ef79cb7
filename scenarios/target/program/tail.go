// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package program

import (
	"strings"
	"sync"
	"unicode"
)

// maxTail bounds what a Tail keeps, in bytes.
const maxTail = 4096

// Tail keeps the last of what is written to it. Its methods may be called from any
// goroutine.
type Tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write never fails.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b[max(0, len(b)-maxTail):]...)
	t.kept = t.kept[max(0, len(t.kept)-maxTail):]
	return len(b), nil
}

// String returns what is kept.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.kept)
}

// LastLine returns the last line that is not empty, printable.
func (t *Tail) LastLine() string {
	last := ""
	for line := range strings.SplitSeq(t.String(), "\n") {
		if line = Printable(line); line != "" {
			last = line
		}
	}
	return last
}

// Printable returns the text on one line and without what a terminal would act on.
func Printable(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, text))
}
