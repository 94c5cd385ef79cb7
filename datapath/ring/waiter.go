// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"runtime"

	"arcbox.dev/datapath/pad"
)

// States of a Waiter.
const (
	awake uint64 = iota
	asleep
)

// A Waiter lets one goroutine sleep until others have made some condition true, such as a ring no longer being empty.
// It spins first, since a wake-up costs microseconds, a hundred times what passing an item costs.
//
// The sleeper stores asleep and then looks at its condition once more; a waker makes the condition true and then looks
// for asleep. Both have a full fence in between (the store here, the compare-and-swap in Wake), so at least one of
// them sees what the other did, and no wake-up is lost.
type Waiter struct {
	state pad.Uint64    // awake or asleep; asleep is set by the sleeper, reset by whoever is to end the sleep
	token chan struct{} // holds at most one token, sent by the waker that reset state
	spins int           // looks at the condition before sleeping
}

// NewWaiter returns a Waiter that looks at its condition spins times before it sleeps.
func NewWaiter(spins int) *Waiter {
	return &Waiter{token: make(chan struct{}, 1), spins: spins}
}

// spinsPerYield is how many looks pass between two offers of the CPU to other goroutines, which may be the ones waited
// for.
const spinsPerYield = 64

// Wait returns true when ready has returned true, or what ready returns when done is closed. A nil done is never
// closed. ready is called on the calling goroutine and must only load what wakers change. One goroutine at a time may
// wait.
func (w *Waiter) Wait(done <-chan struct{}, ready func() bool) bool {
	for i := range w.spins {
		if ready() {
			return true
		}
		if i%spinsPerYield == spinsPerYield-1 {
			runtime.Gosched()
		}
	}
	for {
		// A full fence: ready's loads come after it.
		w.state.Store(asleep)
		if ready() {
			w.rise()
			return true
		}
		select {
		case <-w.token:
			if ready() {
				return true
			}
		case <-done:
			w.rise()
			return ready()
		}
	}
}

// rise ends the sleep from the sleeper's side. If a waker was faster, its token is taken, so that none is left for the
// next sleep.
func (w *Waiter) rise() {
	if !w.state.CompareAndSwap(asleep, awake) {
		<-w.token
	}
}

// Wake ends the sleep of the goroutine in Wait, if there is one; it never blocks. Any goroutine may call it, after
// what makes the condition true. It costs one locked instruction when nobody sleeps: call it once a batch.
func (w *Waiter) Wake() {
	// Who resets state is the only one to send, and state is set again only after the token was taken: there is room.
	if w.state.CompareAndSwap(asleep, awake) {
		w.token <- struct{}{}
	}
}
