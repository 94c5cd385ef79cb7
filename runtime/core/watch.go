// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package core

import (
	"context"
	"time"
)

// WatchInterval is how often Watch asks the agent for a sign of life, and how long
// it waits for one.
const WatchInterval = 10 * time.Second

// Watch asks the agent for a sign of life at each interval until ctx or the VM
// ends. When it does not answer within another interval, hangs is called with the
// time of silence, and with 0 once it answers again. A VM that was stopped on
// purpose is silent too, so nothing is ended here.
func (v *VM) Watch(ctx context.Context, interval time.Duration, hangs func(silence time.Duration)) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	last, silent := time.Now(), false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		ask, cancel := context.WithTimeout(ctx, interval)
		_, err := v.Agent.Ping(ask)
		late := ask.Err() != nil
		cancel()
		switch {
		case err == nil:
			if silent {
				silent = false
				hangs(0)
			}
			last = time.Now()
		case ctx.Err() != nil || !late:
			return // the VM or its agent is gone, which is somebody else's to report
		default:
			silent = true
			hangs(time.Since(last).Round(time.Second))
		}
	}
}
