// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"context"
	"errors"
	"sync"
	"time"

	gokvm "github.com/bobuhiro11/gokvm/kvm"

	"arcbox.dev/runtime/vmm/kvmapi"
)

const (
	// lookEvery is the time between two looks at the threads' CPU clocks. A VM that
	// halts for good is found out within twice that.
	lookEvery = 400 * time.Millisecond

	// lookLimit is how long vCPUs may take to park. They need microseconds, unless a
	// device keeps one waiting; the others must not stand still for long then.
	lookLimit = 100 * time.Millisecond

	// lookCost is more than what a vCPU's thread needs to go on after it was parked.
	// What it has run since, if that is less, is taken for that.
	lookCost = time.Millisecond
)

// supervise waits for the vCPUs to return, and ends the VM if they never would. With
// KVM's own interrupt controllers a halt does not exit, so that a VM whose vCPUs are
// all halted with their interrupts off would be there for ever.
func (v *VM) supervise(running *sync.WaitGroup) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	w := newWatch(len(v.cpus))
	for {
		select {
		case <-v.ending:
			running.Wait()
			close(v.done)
			return
		case <-tick.C:
			if !w.idle(v.VCPUTimes()) {
				continue
			}
			switch dead, err := v.allDead(); {
			case err != nil:
				w.looked = false // nobody has seen anything: again at the next tick
			case dead:
				v.End(Halted, "every vCPU is halted with its interrupts off or was not started")
			}
		}
	}
}

// watch tells from CPU times when it is worth while to look at the vCPUs: once after
// each time that they have run, so that an idle guest is left alone.
type watch struct {
	last   []time.Duration
	looked bool // nothing has run since the last look
	just   bool // the last tick was the one with the look
}

func newWatch(cpus int) *watch { return &watch{last: make([]time.Duration, cpus)} }

// idle takes in the times of a tick, and says whether to look now.
func (w *watch) idle(times []time.Duration) bool {
	slack := time.Duration(0)
	if w.just {
		slack = lookCost
	}
	w.just = false
	ran := false
	for i, t := range times {
		ran = ran || t-w.last[i] > slack
		w.last[i] = t
	}
	if ran {
		w.looked = false
		return false
	}
	if w.looked {
		return false
	}
	w.looked, w.just = true, true
	return true
}

// errPaused says that a paused VM is not looked at: it does not run in any case, and
// whoever paused it may be reading its state.
var errPaused = errors.New("the VM is paused")

// allDead parks the vCPUs, so that none can wake another, and looks at each.
func (v *VM) allDead() (bool, error) {
	v.mu.Lock()
	held := v.holds > 0
	v.mu.Unlock()
	if held {
		return false, errPaused
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookLimit)
	defer cancel()
	if err := v.hold(ctx); err != nil {
		return false, err
	}
	defer v.release()
	for _, c := range v.cpus {
		if !c.dead() {
			return false, nil
		}
	}
	return true, nil
}

// dead says whether only another vCPU can make this one run. It is parked.
func (c *vcpu) dead() bool {
	state, err := kvmapi.GetMPState(c.fd)
	if err != nil {
		return false
	}
	switch state {
	case gokvm.MPStateUninitialized, gokvm.MPStateInitReceived: // it waits to be started
		return true
	case gokvm.MPStateHalted:
		const interrupts = 1 << 9 // RFLAGS.IF (Intel SDM vol. 1 §3.4.3)
		var regs gokvm.Regs
		return kvmapi.GetRegs(c.fd, &regs) == nil && regs.RFLAGS&interrupts == 0
	}
	return false
}
