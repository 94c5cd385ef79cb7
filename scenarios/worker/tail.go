// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"strings"
	"sync"
	"unicode"
)

// maxTail and maxLine bound what is kept of a worker's output, and what is shown of
// a line, in bytes.
const (
	maxTail = 64 << 10
	maxLine = 300
)

// tail keeps the last of what is written to it.
type tail struct {
	mu   sync.Mutex
	kept []byte
}

// Write never fails.
func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept = append(t.kept, b[max(0, len(b)-maxTail):]...)
	t.kept = t.kept[max(0, len(t.kept)-maxTail):]
	return len(b), nil
}

// lastWords is the line that says best why a program ended, printable: the reason of
// a Go program's crash, before all its stacks, else the last line.
func (t *tail) lastWords() string {
	t.mu.Lock()
	text := string(t.kept)
	t.mu.Unlock()
	last := ""
	for line := range strings.Lines(text) {
		line = printable(line)
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") {
			return shorten(line)
		}
		if line != "" {
			last = line
		}
	}
	return shorten(last)
}

func printable(line string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, line))
}

func shorten(line string) string {
	if len(line) <= maxLine {
		return line
	}
	return strings.ToValidUTF8(line[:maxLine], "") + " …"
}
