// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"context"
	"fmt"
	"sync"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// Start lets the vCPUs run, once.
func (v *VM) Start() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.ended:
		return errEnded
	case v.started:
		return errdefs.New(errdefs.ErrInvalid, "", "the VM has been started already")
	}
	v.started = true
	var running sync.WaitGroup
	for _, c := range v.cpus {
		running.Go(c.run)
	}
	go v.supervise(&running)
	return nil
}

// Pause stops every vCPU between two instructions. When it returns, none executes
// anything until Resume, and what an instruction asked of a device has been answered.
// Pausing a paused VM does nothing. When ctx ends first, since a device keeps a vCPU
// waiting, the VM goes on.
func (v *VM) Pause(ctx context.Context) error {
	return v.takeTurn(ctx, func() error {
		if v.paused {
			return nil
		}
		if err := v.hold(ctx); err != nil {
			return fmt.Errorf("pausing the VM: %w", err)
		}
		v.paused = true
		return nil
	})
}

// Resume lets a paused VM go on. Resuming one that runs does nothing.
func (v *VM) Resume() error {
	return v.takeTurn(context.Background(), func() error {
		if !v.paused {
			return nil
		}
		for _, c := range v.cpus {
			// A guest without the paravirtual clock cannot be told, nor does its
			// watchdog go by that clock.
			_ = kvmapi.NotePause(c.fd)
		}
		v.paused = false
		v.release()
		return nil
	})
}

// takeTurn has f be the only Pause or Resume of a VM that runs.
func (v *VM) takeTurn(ctx context.Context, f func() error) error {
	v.mu.Lock()
	started := v.started
	v.mu.Unlock()
	if !started {
		return errdefs.New(errdefs.ErrInvalid, "start it first", "the VM has not been started")
	}
	select {
	case v.turn <- struct{}{}:
		defer func() { <-v.turn }()
	case <-v.ending:
		return errEnded
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-v.ending:
		return errEnded
	default:
		return f()
	}
}

// hold parks all vCPUs until release. It fails if the VM ends, or ctx does first.
func (v *VM) hold(ctx context.Context) error {
	wake := context.AfterFunc(ctx, func() {
		v.mu.Lock() // so that the waiter below either sees ctx's end or waits already
		defer v.mu.Unlock()
		v.changed.Broadcast()
	})
	defer wake()
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holds++
	if v.holds == 1 {
		v.kickAll()
	}
	for v.parked < len(v.cpus) && !v.ended && ctx.Err() == nil {
		v.changed.Wait()
	}
	switch {
	case v.ended:
		return errEnded // nobody waits for a release any more
	case v.parked < len(v.cpus):
		v.holds--
		v.changed.Broadcast()
		return ctx.Err()
	}
	return nil
}

// release ends a hold.
func (v *VM) release() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.holds--
	v.changed.Broadcast()
}

// park is called by a vCPU that was kicked, on its own thread. It returns when
// nobody holds the vCPUs, and says whether to go on.
func (v *VM) park() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.holds > 0 && !v.ended {
		v.parked++
		v.changed.Broadcast()
		for v.holds > 0 && !v.ended {
			v.changed.Wait()
		}
		v.parked--
	}
	return !v.ended
}

// kickAll has every vCPU come to park. The caller holds mu and has changed what they
// find there.
func (v *VM) kickAll() {
	for _, c := range v.cpus {
		c.kick()
	}
}

// End ends the VM for the reason given, unless it has ended already, and does not
// wait for it: Done tells. The detail is one line for a reader; it may be empty.
func (v *VM) End(reason Reason, detail string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.ended {
		return
	}
	v.ended = true
	v.reason, v.detail = reason, detail
	v.log.Info("the VM ends", "reason", string(reason), "detail", detail)
	close(v.ending)
	if !v.started {
		close(v.done)
	}
	v.changed.Broadcast()
	v.kickAll()
}

// Done is closed when the VM has ended and no vCPU runs any more.
func (v *VM) Done() <-chan struct{} { return v.done }

// Reason says why the VM has ended or is about to; it is empty before.
func (v *VM) Reason() (Reason, string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reason, v.detail
}

// Close ends the VM if it has not ended, waits until no vCPU runs, and frees what it
// has. Nobody may use the eventfds that it gave out any more. It may be called at any
// time and more than once.
func (v *VM) Close() error {
	v.End(Stopped, "")
	<-v.done
	v.turn <- struct{}{} // a Resume may be using the vCPUs' descriptors
	defer func() { <-v.turn }()
	return v.freed()
}
