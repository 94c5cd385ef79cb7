// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

import (
	"io"
	"sync"
	"time"
)

const (
	// batchSize is how many characters are written at most at once.
	batchSize = 256
	// batchTime is how long a character waits at most for a line's end.
	batchTime = 5 * time.Millisecond
)

// output collects characters and writes them line by line: a console's characters
// come one by one, and each write is a system call. A batch starts the timer once.
type output struct {
	mu    sync.Mutex // held while out writes: what comes meanwhile waits its turn
	out   io.Writer
	timer *time.Timer // runs while n is not 0; nil before the first character
	n     int         // characters in batch
	batch [batchSize]byte
}

// put adds a character. A writer that blocks blocks put.
func (o *output) put(c byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.batch[o.n] = c
	o.n++
	switch {
	case c == '\n' || o.n == batchSize:
		o.write()
	case o.n > 1:
	case o.timer == nil:
		o.timer = time.AfterFunc(batchTime, o.flush)
	default:
		o.timer.Reset(batchTime)
	}
}

// flush writes what there is.
func (o *output) flush() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.write()
}

// write empties the batch. A serial line does not tell whether anybody listens, so
// what cannot be written is lost.
func (o *output) write() {
	if o.n == 0 {
		return
	}
	if o.timer != nil {
		o.timer.Stop()
	}
	_, _ = o.out.Write(o.batch[:o.n])
	o.n = 0
}
