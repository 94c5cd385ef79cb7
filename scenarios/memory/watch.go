// SPDX-License-Identifier: MIT OR Apache-2.0

package memory

import (
	"context"
	"fmt"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

// watch follows a VM's PSS, in bytes, after a load.
type watch struct {
	before float64
	load   float64
	ended  time.Duration // when the load had ended, on the clock of events.Now

	loaded, after float64       // the first reading and the last
	back          time.Duration // since ended, when the memory was back; 0 is never
}

// run reads the memory until the limit, also when all of it is back before.
func (w *watch) run(ctx context.Context, vm target.VM, limit, interval time.Duration) error {
	if err := w.read(ctx, vm); err != nil {
		return err
	}
	w.loaded = w.after
	end := time.After(limit)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the VM's memory: %w", context.Cause(ctx))
		case <-end:
			return w.read(ctx, vm)
		case <-tick.C:
			if err := w.read(ctx, vm); err != nil {
				return err
			}
		}
	}
}

// read reads the memory once.
func (w *watch) read(ctx context.Context, vm target.VM) error {
	processes, err := processesOf(ctx, vm)
	if err != nil {
		return err
	}
	w.after = pss(processes)
	if w.back == 0 && w.after <= w.before+rest*w.load {
		w.back = events.Now() - w.ended
	}
	return nil
}

// values tells what was seen. Nothing is said about the return of a load that the
// host did not notice, since all the VM's memory was its from the start.
func (w *watch) values() []record.Value {
	values := []record.Value{
		{Value: w.after, Unit: afterUnit}, {Value: w.loaded, Unit: loadedUnit}, {Value: w.before, Unit: beforeUnit},
	}
	added := w.loaded - w.before
	if added < rest*w.load {
		return values
	}
	values = append(values, record.Value{Value: (w.loaded - w.after) / added, Unit: returnedUnit})
	if w.back > 0 {
		values = append(values, record.Value{Value: float64(w.back), Unit: backUnit})
	}
	return values
}
