// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package arcbox

import (
	"context"
	"errors"
	"fmt"
	"time"

	"arcbox.dev/bench/profile"
)

// profileLimit is how long an agent may take to hand over its profiles.
const profileLimit = 5 * time.Second

// profiled is a VM whose agent profiles itself until the VM is stopped or closed. What
// its end takes is not what another VM's would.
type profiled struct {
	*vm
	dir  string // for the files agent-ID.KIND.pprof
	kept bool
}

// Stop keeps the profiles and stops the VM.
func (p *profiled) Stop(ctx context.Context) error {
	return errors.Join(p.keep(ctx), p.vm.Stop(ctx))
}

// Close keeps the profiles, where Stop did not, and closes the VM.
func (p *profiled) Close() error {
	return errors.Join(p.keep(context.Background()), p.vm.Close())
}

// keep gets the profiles from the agent, once.
func (p *profiled) keep(ctx context.Context) error {
	if p.kept {
		return nil
	}
	p.kept = true
	ctx, cancel := context.WithTimeout(ctx, profileLimit)
	defer cancel()
	profiles, err := p.Agent.Profiles(ctx)
	if err != nil {
		return fmt.Errorf("profiling the agent: %w", err)
	}
	set := profile.Set{}
	for kind, data := range profiles {
		set[profile.Kind(kind)] = data
	}
	return set.Save(p.dir, "agent-"+p.ID())
}
