// SPDX-License-Identifier: MIT OR Apache-2.0

package pad

import "sync/atomic"

// A Word is a 64-bit word that several goroutines use at once. The zero value holds 0. It must not be copied after
// first use.
//
// All methods are sync/atomic's and sequentially consistent.
type Word struct {
	_ noCopy
	_ [0]atomic.Uint64 // aligns v to 8 bytes on 32-bit architectures too
	v uint64
}

// noCopy lets go vet's copylocks check find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Load returns the value. What the goroutine that stored it wrote before is visible afterwards.
func (w *Word) Load() uint64 { return atomic.LoadUint64(&w.v) }

// Store sets the value. No later load of this goroutine can overtake it, which on amd64 takes an XCHG.
func (w *Word) Store(v uint64) { atomic.StoreUint64(&w.v, v) }

// Add adds delta, wrapping around, and returns the new value.
func (w *Word) Add(delta uint64) uint64 { return atomic.AddUint64(&w.v, delta) }

// CompareAndSwap sets the value to v if it is old, and reports whether it did so. On amd64 it is a full fence either
// way.
func (w *Word) CompareAndSwap(old, v uint64) bool { return atomic.CompareAndSwapUint64(&w.v, old, v) }
