// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import "io"

// Input is where bytes for the guest are written. A device may have several at a
// time; what they write is mixed where it does not fit at once.
type Input struct {
	r      *receiver
	closed bool // guarded by r.mu
}

// Input returns a new writer of input.
func (d *Device) Input() *Input { return &Input{r: &d.rx} }

// Write gives p to the guest, and waits while the guest does not read and 4 KiB of
// input wait already. It returns io.ErrClosedPipe, and how much of p the guest will
// get, once the input or the device was closed.
func (in *Input) Write(p []byte) (int, error) {
	r := in.r
	r.mu.Lock()
	defer r.mu.Unlock()
	for written := 0; ; {
		if in.closed || r.closed {
			return written, io.ErrClosedPipe
		}
		if written += r.put(p[written:]); written == len(p) {
			return written, nil
		}
		if r.n == inputSize {
			r.moved.Wait()
		}
	}
}

// Close ends a Write that waits. What was accepted before still reaches the guest.
func (in *Input) Close() error {
	in.r.mu.Lock()
	defer in.r.mu.Unlock()
	in.closed = true
	in.r.moved.Broadcast()
	return nil
}
