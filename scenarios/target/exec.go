// SPDX-License-Identifier: MIT OR Apache-2.0

package target

import (
	"context"
	"fmt"

	"arcbox.dev/guest/client"
)

// Exec is VM's Exec for a guest with that agent.
func Exec(ctx context.Context, agent *client.Client, args ...string) (client.Status, error) {
	process, err := agent.Start(ctx, client.ExecConfig{Args: args})
	if err != nil {
		return client.Status{}, err
	}
	return process.Wait(ctx)
}

// RunTool runs the lab's tool in the instance. Unless it ends with status 0, that
// is an error.
func RunTool(ctx context.Context, i Instance, args ...string) error {
	status, err := i.Exec(ctx, append([]string{i.Tool()}, args...)...)
	switch {
	case err != nil:
		return err
	case status.Signal != 0:
		return fmt.Errorf("signal %d ended it", status.Signal)
	case status.Code != 0:
		return fmt.Errorf("it ended with status %d", status.Code)
	}
	return nil
}
