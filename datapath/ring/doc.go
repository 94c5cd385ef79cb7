// SPDX-License-Identifier: MIT OR Apache-2.0

// Package ring holds bounded lock-free queues for passing items between goroutines that run on different cores.
//
//	type        producers  consumers  for
//	[SPSC]      one        one        batches, and items written and read in place
//	[SlotSPSC]  one        one        single items at the least latency and cost
//	[MPSC]      many       one        many devices, one switch
//	[MPMC]      many       many       pools of free buffers
//	[Blocking]  one        one        an SPSC whose ends sleep when there is nothing to do
//
// The rings never block, spin on another goroutine's progress only where a compare-and-swap was lost, call no
// function through an interface, and allocate only when they are made. A goroutine that wants to sleep does so in a
// [Waiter], beside the ring.
//
// SPSC keeps head and tail indexes in lines of their own and caches the other side's (Lamport's queue, "Specifying
// Concurrent Program Modules", TOPLAS 1983, with the caching of MCRingBuffer, Lee, Bu and Chandranmenon, IPDPS 2010).
// SlotSPSC has no index of what is full: each slot says so itself, and item and news of the item cross on one cache
// line (FastForward, Giacomoni, Moseley and Vachharajani, PPoPP 2008). MPSC and MPMC give each slot a sequence number
// that says for which position it is free or full (Vyukov's bounded MPMC queue).
//
// Between two cores the crossing of lines is the cost, and the callers decide how many cross: a consumer that looks
// into an empty ring again at once takes the producer's line at each item. Batches, or a pause of some hundred
// nanoseconds before the next look, keep the two apart.
//
// In all of them an index or a sequence number is stored after the slot has been written or read, with release order
// (see publish), and loaded before the slot is touched. Who may touch a slot is said at each such store.
//
// Positions are 64-bit and may wrap around; comparisons are by equality or by signed difference.
package ring
