// SPDX-License-Identifier: MIT OR Apache-2.0

package rng

import "time"

// A guest may have 1 MiB of random bytes a second, and after a quiet time 64 KiB at
// once. A request counts as 512 bytes at least, so that small ones, which cost two
// wake-ups each whatever they hold, are 2048 a second at most: two or three percent
// of a host CPU at 10 µs each. A boot takes a few hundred bytes, and a guest that
// needs many makes them from these by its own generator.
const (
	rate        = 1 << 20 // bytes a second
	burst       = 64 << 10
	requestCost = 512
)

// budget is a token bucket that may be overdrawn by one request. It is for one
// goroutine.
type budget struct {
	bytes int64     // what may be taken; negative if overdrawn
	last  time.Time // when bytes was last added to
}

func newBudget(now time.Time) budget { return budget{bytes: burst, last: now} }

// wait returns how long the next request has to wait.
func (b *budget) wait(now time.Time) time.Duration {
	// More than a full bucket's time makes no difference, and would overflow.
	passed := min(now.Sub(b.last), 2*time.Second)
	if earned := int64(passed) * rate / int64(time.Second); earned > 0 {
		b.bytes = min(b.bytes+earned, burst)
		b.last = now
	}
	if b.bytes >= 0 {
		return 0
	}
	return time.Duration(-b.bytes) * time.Second / rate
}

// take takes n bytes for a request.
func (b *budget) take(n int) { b.bytes -= int64(max(n, requestCost)) }
