// SPDX-License-Identifier: MIT OR Apache-2.0

// Package trial finds out whether a target that is there works here: its whole life
// is gone through once before anything is measured.
package trial

import (
	"context"
	"errors"
	"fmt"
	"time"

	"arcbox.dev/scenarios/target"
)

// Run starts an instance, runs the lab's own program in it and stops it, all within
// the limit.
func Run(ctx context.Context, limit time.Duration, start func(context.Context) (target.Instance, error)) (err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("not done after %v", limit))
	defer cancel()
	instance, err := start(ctx)
	if err != nil {
		return fmt.Errorf("starting one on trial: %w", err)
	}
	defer func() { err = errors.Join(err, instance.Close()) }()
	if err := target.RunTool(ctx, instance); err != nil {
		return fmt.Errorf("running a process on trial: %w", err)
	}
	if err := instance.Stop(ctx); err != nil {
		return fmt.Errorf("stopping one on trial: %w", err)
	}
	return nil
}
