// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"arcbox.dev/bench/record"
	"arcbox.dev/bench/report"
)

// Progress shows a person how far a run is.
type Progress interface {
	// Start says how many runs there will be.
	Start(total int)
	// Begin says which run comes next, and how long all that are left will take; 0
	// where that is not known yet.
	Begin(job string, left time.Duration)
	// Done says that it ended, with what was measured; no values means that it failed.
	Done(s record.Sample)
	// Skip says that so many runs will not take place.
	Skip(runs int)
	// Note shows a line that stays.
	Note(text string)
	// Finish ends the display.
	Finish()
}

// NewProgress returns a display on w: a bar where w is a terminal, else lines.
func NewProgress(w io.Writer, terminal bool) Progress {
	if terminal {
		return &bar{w: w}
	}
	return &lines{w: w}
}

// bar is a line at the bottom of a terminal that is drawn again and again.
type bar struct {
	w   io.Writer
	bar *progressbar.ProgressBar
}

func (b *bar) Start(total int) {
	b.bar = progressbar.NewOptions(total,
		progressbar.OptionSetWriter(b.w),
		progressbar.OptionSetWidth(24),
		progressbar.OptionShowCount(),
		// The bar's own estimate takes all runs to be equally long.
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetRenderBlankState(true),
		progressbar.OptionClearOnFinish(),
	)
}

func (b *bar) Begin(job string, left time.Duration) {
	b.bar.Describe(strings.TrimSpace(remaining(left) + " " + job))
}

func (b *bar) Done(record.Sample) { _ = b.bar.Add(1) }

func (b *bar) Skip(runs int) { b.bar.ChangeMax(b.bar.GetMax() - runs) }

func (b *bar) Note(text string) {
	if b.bar != nil {
		_ = b.bar.Clear()
	}
	fmt.Fprintln(b.w, text)
	if b.bar != nil {
		_ = b.bar.RenderBlank()
	}
}

func (b *bar) Finish() { _ = b.bar.Clear() }

// lines writes a line a run, for logs.
type lines struct {
	w           io.Writer
	done, total int
	left        time.Duration
}

func (l *lines) Start(total int) { l.done, l.total = 0, total }

func (l *lines) Begin(_ string, left time.Duration) { l.left = left }

func (l *lines) Done(s record.Sample) {
	l.done++
	outcome := "failed"
	if len(s.Values) > 0 {
		first := s.Values[0]
		outcome = report.Name(first.Unit) + " " + report.Format(first.Value, first.Unit)
	}
	if s.Disturbed != "" {
		outcome += " (" + s.Disturbed + ")"
	}
	line := fmt.Sprintf("[%*d/%d] %s: %s", digits(l.total), l.done, l.total, s.Name, outcome)
	if l.left > 0 {
		line += ", " + remaining(l.left)
	}
	fmt.Fprintln(l.w, line)
}

func (l *lines) Skip(runs int)    { l.total -= runs }
func (l *lines) Note(text string) { fmt.Fprintln(l.w, text) }
func (l *lines) Finish()          {}

func digits(n int) int { return len(fmt.Sprint(n)) }

// remaining says how much time is left.
func remaining(left time.Duration) string {
	if left <= 0 {
		return ""
	}
	return max(left.Round(time.Second), time.Second).String() + " left"
}
