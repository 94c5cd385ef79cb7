// SPDX-License-Identifier: MIT OR Apache-2.0

package count

import (
	"errors"
	"runtime"

	"arcbox.dev/bench/record"
)

// Heap counts the allocations of this process on Go's heap.
type Heap struct {
	started       bool
	objects, size uint64
}

// What the runtime's own work, such as starting a thread, may add to a sample.
const (
	slackObjects = 5
	slackBytes   = 1 << 10
)

// Units returns the objects and their bytes.
func (*Heap) Units() []record.Unit {
	return []record.Unit{
		{Name: Allocs, Better: "lower", Floor: smallest, Slack: slackObjects},
		{Name: AllocBytes, Better: "lower", Floor: smallest, Slack: slackBytes},
	}
}

// Start begins to count. It never fails.
func (h *Heap) Start() error {
	h.objects, h.size = allocated()
	h.started = true
	return nil
}

// Stop returns what was allocated since Start.
func (h *Heap) Stop() ([]record.Value, error) {
	if !h.started {
		return nil, errNotStarted
	}
	h.started = false
	objects, size := allocated()
	return []record.Value{
		{Value: float64(objects - h.objects), Unit: Allocs},
		{Value: float64(size - h.size), Unit: AllocBytes},
	}, nil
}

var errNotStarted = errors.New("counting: stopped without a start")

// allocated returns the totals since the process's start. Reading them stops the
// program for some microseconds, but unlike runtime/metrics they are exact: what the
// processors have cached is added first.
func allocated() (objects, size uint64) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs, m.TotalAlloc
}
