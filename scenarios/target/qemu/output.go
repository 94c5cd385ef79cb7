// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"strings"
	"sync"
	"time"
	"unicode"

	"arcbox.dev/runtime/events"
)

// output keeps the last of what is written to it, and notes when a line that is
// awaited comes.
type output struct {
	awaited string

	mu   sync.Mutex
	tail []byte
	at   time.Duration // when awaited came, on the clock of events.Now; 0 before
}

// maxTail bounds what is kept, in bytes.
const maxTail = 4096

// Write never fails.
func (o *output) Write(b []byte) (int, error) {
	now := events.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tail = append(o.tail, b[max(0, len(b)-maxTail):]...)
	o.tail = o.tail[max(0, len(o.tail)-maxTail):]
	if o.awaited != "" && o.at == 0 && strings.Contains(string(o.tail), o.awaited) {
		o.at = now
	}
	return len(b), nil
}

// cameAt returns when the awaited line came, 0 if it has not.
func (o *output) cameAt() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.at
}

// lastLine returns the last line that is neither empty nor of the trace, printable.
func (o *output) lastLine() string {
	o.mu.Lock()
	text := string(o.tail)
	o.mu.Unlock()
	last := ""
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimSpace(strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return ' '
		}, line))
		if line != "" && !strings.HasPrefix(line, vcpusEvent) {
			last = line
		}
	}
	return last
}
