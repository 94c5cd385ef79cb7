// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/rpc"
)

// shutdown ends all processes and the guest. The host need not wait for the answer:
// the guest's end says as much.
func (a *Agent) shutdown(ctx context.Context, req *rpc.ShutdownRequest) (rpc.Response, error) {
	if err := a.prepared(ctx); err != nil {
		return nil, err
	}
	if err := a.end(time.Duration(req.Grace), req.Reboot); err != nil {
		return nil, err
	}
	return rpc.Empty{}, nil
}

// end ends the guest. What the agent has started gets SIGTERM and the grace first,
// if any of it still runs.
func (a *Agent) end(grace time.Duration, reboot bool) error {
	a.mu.Lock()
	a.closing = true
	a.mu.Unlock()
	if alive := a.alive(); grace > 0 && len(alive) > 0 {
		a.Power.Kill(unix.SIGTERM)
		waitAll(alive, grace)
	}
	a.Power.Kill(unix.SIGKILL)
	return a.Power.Off(reboot)
}

// waitAll waits until all have ended, but not longer than limit.
func waitAll(alive []*running, limit time.Duration) {
	late := time.NewTimer(limit)
	defer late.Stop()
	for _, p := range alive {
		select {
		case <-p.child.Done():
		case <-late.C:
			return
		}
	}
}

// alive returns the processes that have not ended.
func (a *Agent) alive() []*running {
	a.mu.Lock()
	defer a.mu.Unlock()
	var list []*running
	for _, p := range a.processes {
		if p == nil { // being started
			continue
		}
		select {
		case <-p.child.Done():
		default:
			list = append(list, p)
		}
	}
	return list
}
