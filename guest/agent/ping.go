// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"time"

	"arcbox.dev/guest/agent/rpc"
	"arcbox.dev/guest/agent/started"
	"arcbox.dev/guest/protocol"
)

// maxClockError is how far the guest's clock may be from the host's.
const maxClockError = time.Second

// ping compares versions and sets the clock.
func (a *Agent) ping(_ context.Context, req *rpc.PingRequest) (rpc.Response, error) {
	if req.ProtocolVersion != protocol.Version {
		return nil, rpc.Errorf(rpc.FailedPrecondition, "%v", &protocol.VersionError{Other: req.ProtocolVersion})
	}
	resp := &rpc.PingResponse{ProtocolVersion: protocol.Version, AgentVersion: a.Version}
	if req.HostTime != 0 && a.SetClock != nil {
		now := time.Unix(0, req.HostTime)
		if off := time.Until(now); off.Abs() > maxClockError {
			if err := a.SetClock(now); err != nil {
				return nil, rpc.Errorf(rpc.Internal, "setting the clock: %v", err)
			}
			resp.ClockSet = true
		}
	}
	resp.SinceStart = uint64(started.Since())
	a.want()
	return resp, nil
}
