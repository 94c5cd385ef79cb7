// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build amd64 && gc && !race && !purego

package ring

// publish is a plain store, outside Go's memory model, for this compiler and this architecture alone. atomic.Store is
// an XCHG here: 8 ns when nobody contends and, since it drains the store buffer, the whole way to the other core's
// cache when somebody does. A plain store waits in the store buffer while the goroutine goes on.
//
// The CPU: amd64 is totally store ordered. Stores become visible in program order, and no store overtakes an earlier
// load (Intel SDM volume 3A, "Memory Ordering in P6 and More Recent Processor Families"; AMD64 APM volume 2, 7.2). An
// aligned 8-byte store is never torn. So each MOV is a release, and each MOV load (atomic.Load) an acquire.
//
// The language: the memory model gives a race on one word a value that was really written, untorn and never out of
// thin air, and forbids the compiler to invent writes (https://go.dev/ref/mem, "Implementation Restrictions for
// Programs Containing Data Races" and "Incorrect compilation"). It promises no order, so order has to come from gc:
//   - Its SSA form threads one memory value through all stores, calls and atomic operations, and each load hangs on
//     the memory value it was written at. Neither a store nor the loads before it can therefore move past this store.
//   - Dead-store elimination may drop this store for a later one to the same word if nothing reads memory between
//     them: others see the newer value at once, which no protocol with monotonic indexes can tell from being late.
//   - gc does not sink stores out of loops. A loop that waits for another goroutine loads atomically, and an atomic
//     load takes and yields the memory value, so it keeps its place after this store.
//
// The race detector, other compilers and other architectures take the sync/atomic build, as does the tag purego; the
// tests are the same for both.
func publish(p *uint64, v uint64) { *p = v }
