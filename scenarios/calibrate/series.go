// SPDX-License-Identifier: MIT OR Apache-2.0

package calibrate

import (
	"time"

	"arcbox.dev/scenarios/runner"
)

// series shows several runs, one after another, as one.
type series struct {
	runner.Progress
	blocks  int // runs in all
	done    int // runs that have ended
	total   int // samples of the first run, its warm-ups included
	started time.Time
}

// Start shows the first run's start, as that of all. Later ones may be shorter.
func (s *series) Start(total int) {
	if s.started.IsZero() {
		s.started, s.total = time.Now(), total
		s.Progress.Start(total * s.blocks)
	}
	if total < s.total {
		s.Progress.Skip(s.total - total)
	}
}

// Begin adds the runs that are to come to the time that is left in this one.
func (s *series) Begin(job string, left time.Duration) {
	if s.done > 0 {
		left += time.Since(s.started) / time.Duration(s.done) * time.Duration(s.blocks-s.done-1)
	} else {
		left *= time.Duration(s.blocks)
	}
	s.Progress.Begin(job, left)
}

// Finish leaves the display as it is: there is another run, or the caller ends it.
func (s *series) Finish() {}

// ended counts a run.
func (s *series) ended() { s.done++ }
