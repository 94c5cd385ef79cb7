// SPDX-License-Identifier: MIT OR Apache-2.0

package rings

import (
	"errors"
	"runtime"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// An end is one goroutine's part in a burst: a loop over its share of the items, written out for each queue, since a
// call through an interface or a type parameter's dictionary would cost as much as the queue.
type end func()

// burst runs the ends at once and returns the time from their common start to the end of the last. If there is a CPU
// for each of them, they have one to themselves; otherwise the scheduler places them.
func burst(b *testing.B, ends []end) time.Duration {
	var ready, left atomic.Int64
	var release atomic.Bool
	var start, stop time.Time
	var placed, wg sync.WaitGroup
	placed.Add(len(ends))
	left.Store(int64(len(ends)))
	for cpu, run := range ends {
		wg.Go(func() {
			// Never unlocked: the thread ends with the goroutine, and its CPU and priority with it.
			runtime.LockOSThread()
			if alone := len(ends) <= runtime.NumCPU(); alone {
				// No thread runs at real-time priority before the others have reached their own CPUs.
				err := pin(cpu)
				placed.Done()
				placed.Wait()
				if err = errors.Join(err, hurry()); err != nil {
					b.Error(err)
				}
			}
			if ready.Add(1) == int64(len(ends)) {
				start = time.Now()
				release.Store(true)
			}
			for !release.Load() {
			}
			run()
			if left.Add(-1) == 0 {
				stop = time.Now()
			}
		})
	}
	wg.Wait()
	return stop.Sub(start)
}

// measure times b.N bursts of so many items over the ends that source makes, and reports the median.
func measure(b *testing.B, items int, source func() []end) {
	// Processors to spare for the goroutines that wait, and no collector in the middle of a burst.
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.NumCPU() + 2))
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var perItem []float64
	for range b.N {
		ends := source()
		runtime.GC()
		perItem = append(perItem, float64(burst(b, ends).Nanoseconds())/float64(items))
	}
	report(b, perItem)
}

// report is for all queues, Go's and C++'s.
func report(b *testing.B, perItem []float64) {
	slices.Sort(perItem)
	b.ReportMetric(perItem[len(perItem)/2], "ns/item")
	b.ReportMetric(0, "ns/op") // a burst's, which says nothing
}

// idle turns in an empty loop, about a cycle each time, so that looking in vain does not take the line away from the
// other side all the time.
//
//go:noinline
func idle(turns int) {
	for range turns {
	}
}

// sink keeps the items that were popped from being optimized away.
var sink atomic.Uint64
