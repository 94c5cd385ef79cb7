// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// A front end may do wrong as often as it likes: limitBurst records are logged at
// once, and one more each limitEvery after that.
const (
	limitBurst = 10
	limitEvery = time.Second
)

// limiter is a log handler that lets few records through and counts the rest.
type limiter struct {
	slog.Handler
	state *limitState // shared by all handlers that stem from one
}

type limitState struct {
	mu      sync.Mutex
	tokens  int
	last    time.Time // when tokens was last added to
	dropped int       // since the last record that went through
}

func newLimiter(h slog.Handler) slog.Handler {
	return limiter{h, &limitState{tokens: limitBurst, last: time.Now()}}
}

// Handle is part of slog.Handler.
func (l limiter) Handle(ctx context.Context, r slog.Record) error {
	dropped, ok := l.state.admit(time.Now())
	if !ok {
		return nil
	}
	if dropped > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("dropped", dropped))
	}
	return l.Handler.Handle(ctx, r)
}

// admit tells whether a record may pass now and, if so, how many before it did not.
func (s *limitState) admit(now time.Time) (dropped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := int(now.Sub(s.last) / limitEvery); n > 0 {
		s.tokens = min(limitBurst, s.tokens+n)
		s.last = s.last.Add(time.Duration(n) * limitEvery)
	}
	if s.tokens == 0 {
		s.dropped++
		return 0, false
	}
	s.tokens--
	dropped, s.dropped = s.dropped, 0
	return dropped, true
}

// WithAttrs is part of slog.Handler.
func (l limiter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return limiter{l.Handler.WithAttrs(attrs), l.state}
}

// WithGroup is part of slog.Handler.
func (l limiter) WithGroup(name string) slog.Handler {
	return limiter{l.Handler.WithGroup(name), l.state}
}
