// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bytes"
	"time"
)

// tailSize is how much of a command's output is kept, in bytes.
const tailSize = 8 << 10

// progress takes a build's output, one line a file, and says now and then how far
// it is. It keeps the last lines, which say what went wrong.
type progress struct {
	every time.Duration
	began time.Time

	said  time.Time
	lines int
	last  []byte
}

// Write never fails. os/exec calls it from one goroutine at a time.
func (p *progress) Write(data []byte) (int, error) {
	p.lines += bytes.Count(data, []byte("\n"))
	p.last = append(p.last, data...)
	if over := len(p.last) - tailSize; over > 0 {
		p.last = append(p.last[:0], p.last[over:]...)
	}
	now := time.Now()
	if p.said.IsZero() {
		p.said = p.began
	}
	if now.Sub(p.said) >= p.every {
		p.said = now
		say("%d files after %v", p.lines, now.Sub(p.began).Round(time.Second))
	}
	return len(data), nil
}

// tail returns the last whole lines, at most 20.
func (p *progress) tail() []byte {
	lines := bytes.Split(bytes.TrimSpace(p.last), []byte("\n"))
	if len(p.last) >= tailSize && len(lines) > 1 {
		lines = lines[1:]
	}
	return bytes.Join(lines[max(0, len(lines)-20):], []byte("\n"))
}
