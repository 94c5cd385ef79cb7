// SPDX-License-Identifier: MIT OR Apache-2.0

package memory

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

// The load by default, in bytes, how long the host waits for it to come back and how
// often it looks. A VM of 256 MiB bears the load. A VMM that is asked more often
// needs memory for its answers, which would count as the VM's.
const (
	DefaultTouched  = 96 << 20
	DefaultCached   = 32 << 20
	DefaultWait     = 10 * time.Second
	DefaultInterval = 500 * time.Millisecond
)

// AfterLoad measures what the host gets back of a VM's memory once a process in it
// that needed much has ended. The process has a file in the page cache, which it
// deletes, and touches memory of its own meanwhile.
type AfterLoad struct {
	Settle   time.Duration // before the load; 0 is DefaultSettle
	Touched  int           // bytes of memory of its own; 0 is DefaultTouched
	Cached   int           // bytes of the file; 0 is DefaultCached
	Wait     time.Duration // after the load; 0 is DefaultWait
	Interval time.Duration // of the readings after the load; 0 is DefaultInterval
}

// The units of a sample: the VM's PSS at the end of the wait, as soon as the load
// had ended, and before it; which part of what the load added the host had back at
// the end; and how long after the load's end all but a tenth of it was back, where
// that came within the wait.
const (
	afterUnit    = "after_pss-bytes"
	loadedUnit   = "loaded_pss-bytes"
	beforeUnit   = "before_pss-bytes"
	returnedUnit = "returned-ratio"
	backUnit     = "given_back-ns"
)

// rest is the part of the load that may stay and the memory still counts as given back.
const rest = 0.10

// folder is where the load's file is: a folder that every guest has.
const folder = "/tmp"

// Name returns "MemoryAfterLoad".
func (AfterLoad) Name() string { return "MemoryAfterLoad" }

// Version returns 1.
func (AfterLoad) Version() int { return 1 }

// Units returns the PSS after, with and before the load, what came back of it and
// when, and the guest's view at the end.
func (AfterLoad) Units() []record.Unit {
	return append([]record.Unit{
		gated(afterUnit), gated(loadedUnit), shown(beforeUnit),
		{Name: returnedUnit, Better: "higher", Floor: floor, Slack: floor},
		{Name: backUnit, Better: "lower", Floor: 0.10, Slack: float64(2 * DefaultInterval)},
	}, guestUnits()...)
}

// Check wants a target that boots.
func (AfterLoad) Check(t target.Target) error { return target.CheckBoots(t) }

// Run boots a VM, lets it settle, runs the load and watches the VM's memory.
func (s AfterLoad) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	vm, err := t.(target.Booter).Boot(ctx, target.WithTool)
	if err != nil {
		return nil, fmt.Errorf("booting: %w", err)
	}
	return target.Sample(vm, func() ([]record.Value, error) { return s.measure(ctx, vm) })
}

func (s AfterLoad) measure(ctx context.Context, vm target.VM) ([]record.Value, error) {
	if err := settle(ctx, cmp.Or(s.Settle, DefaultSettle)); err != nil {
		return nil, err
	}
	idle, err := processesOf(ctx, vm)
	if err != nil {
		return nil, err
	}
	touched, cached := cmp.Or(s.Touched, DefaultTouched), cmp.Or(s.Cached, DefaultCached)
	if err := target.RunTool(ctx, vm, "cache", folder, strconv.Itoa(cached), "touch", strconv.Itoa(touched)); err != nil {
		return nil, fmt.Errorf("running the load, which needs %d MiB in the guest: %w", (touched+cached)>>20, err)
	}
	w := watch{before: pss(idle), load: float64(touched + cached), ended: events.Now()}
	if err := w.run(ctx, vm, cmp.Or(s.Wait, DefaultWait), cmp.Or(s.Interval, DefaultInterval)); err != nil {
		return nil, err
	}
	seen, err := guestView(ctx, vm)
	if err != nil {
		return nil, err
	}
	return slices.Concat(w.values(), seen), nil
}
