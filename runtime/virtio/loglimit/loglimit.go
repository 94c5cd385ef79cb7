// SPDX-License-Identifier: MIT OR Apache-2.0

// Package loglimit keeps the other side of a virtio device from flooding the log: it
// may break its queues, reset the device, or send what is no message, as often as it
// likes.
package loglimit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"arcbox.dev/runtime/virtio"
)

// Burst records are logged at once, and one more each Every after that.
const (
	Burst = 10
	Every = time.Second
)

// New returns a log about one device, which passes few records on to log and counts
// the rest: the next that passes has their number as "dropped". log may be nil.
func New(log *slog.Logger, id virtio.DeviceID) *slog.Logger {
	out := slog.DiscardHandler
	if log != nil {
		out = log.Handler()
	}
	h := handler{out, &state{tokens: Burst, last: time.Now()}}
	return slog.New(h).With("virtio_id", uint32(id))
}

// handler is a slog.Handler that lets few records through.
type handler struct {
	slog.Handler
	state *state // shared by all handlers that stem from one
}

type state struct {
	mu      sync.Mutex
	tokens  int
	last    time.Time // when tokens was last added to
	dropped int       // since the last record that went through
}

// Handle is part of slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	dropped, ok := h.state.admit(time.Now())
	if !ok {
		return nil
	}
	if dropped > 0 {
		r = r.Clone()
		r.AddAttrs(slog.Int("dropped", dropped))
	}
	return h.Handler.Handle(ctx, r)
}

// admit tells whether a record may pass now and, if so, how many before it did not.
func (s *state) admit(now time.Time) (dropped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := int(now.Sub(s.last) / Every); n > 0 {
		s.tokens = min(Burst, s.tokens+n)
		s.last = s.last.Add(time.Duration(n) * Every)
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
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.state}
}

// WithGroup is part of slog.Handler.
func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.state}
}
