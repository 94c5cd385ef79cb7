// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"log/slog"
	"sync"
	"time"

	"arcbox.dev/runtime/virtio"
)

// warnEvery is the time between two warnings. A guest can break its queues, and
// reset the device, as often as it likes.
const warnEvery = time.Second

// warnings are a log that a guest cannot flood.
type warnings struct {
	log *slog.Logger

	mu      sync.Mutex
	last    time.Time // of the last warning
	dropped int       // since then
}

func (w *warnings) init(log *slog.Logger, id virtio.DeviceID) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w.log = log.With("virtio_id", uint32(id))
}

// queue warns about a queue.
func (w *warnings) queue(text string, index int, err error) {
	if dropped, ok := w.admit(time.Now()); ok {
		w.log.Warn(text, "queue", index, "error", err, "dropped", dropped)
	}
}

// admit tells whether a warning may pass now and, if so, how many before it did not.
func (w *warnings) admit(now time.Time) (dropped int, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.last.IsZero() && now.Sub(w.last) < warnEvery {
		w.dropped++
		return 0, false
	}
	dropped, w.dropped, w.last = w.dropped, 0, now
	return dropped, true
}
