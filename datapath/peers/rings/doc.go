// SPDX-License-Identifier: MIT OR Apache-2.0

// Package rings measures the rings of datapath/ring beside what a Go program would use instead of them, buffered
// channels, a ring under a mutex and public packages, and beside a C++ program of ours, ../ringcpp, that shows what
// the hardware does. It holds benchmarks alone:
//
//	GOWORK=off go test -bench . -benchtime 1x -count 10 ./rings
//
// What is timed is a burst: a fixed number of items from the first push to the last pop, in a fresh ring, on threads
// that have a CPU each and, where that is permitted, real-time priority. The testing package's own b.N is the number
// of bursts, and ns/item is the median burst's. So a sample is never a run too short to have reached its pace, and a
// burst that lost its CPU for a while does not count for more than the others.
//
// impl= names the queue, cores= the CPUs that its two ends run on, batch= the items a call and inplace= whether they
// are written and read in the ring's own memory. With one core, a burst is as many pairs of a push and a pop.
package rings
