// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"sync/atomic"

	"arcbox.dev/datapath/pad"
)

// A word is an atomic 64-bit word with one method that sync/atomic lacks, publish. The zero value holds 0.
//
// It is declared here because the rings are generic: their code is compiled in the package that uses them, and gc
// (1.26) then inlines what package ring itself declares, but calls what a package declares that the user does not
// import. With two calls in it, a push takes twice its time.
type word struct {
	_ noCopy
	_ [0]atomic.Uint64 // aligns v to 8 bytes on 32-bit architectures too
	v uint64
}

// noCopy lets go vet's copylocks check find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// load returns the value. What the goroutine that stored it wrote before is visible afterwards, whichever of the
// other methods it stored with.
func (w *word) load() uint64 { return atomic.LoadUint64(&w.v) }

// compareAndSwap sets the value to v if it is old, and reports whether it did so. It is a full fence.
func (w *word) compareAndSwap(old, v uint64) bool { return atomic.CompareAndSwapUint64(&w.v, old, v) }

// publish sets the value with release order: whoever loads it sees everything that this goroutine wrote and has
// finished reading everything that it read before. It is for a word that one goroutine at a time may write, such as an
// index or a slot's sequence number.
//
// It is not a full fence: a later load of this goroutine can be answered before others see the store. "Publish, then
// look whether anybody sleeps" therefore needs a compare-and-swap in between, as [Waiter.Wake] has.
func (w *word) publish(v uint64) { publish(&w.v, v) }

// An index is a word with at least 120 bytes of padding on both sides.
type index struct {
	_ pad.Line
	word
	_ [pad.Size - 8]byte
}
