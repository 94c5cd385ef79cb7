// SPDX-License-Identifier: MIT OR Apache-2.0

package target

import (
	"context"

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
