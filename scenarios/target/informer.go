// SPDX-License-Identifier: MIT OR Apache-2.0

package target

import (
	"context"

	"arcbox.dev/guest/client"
)

// Informer is what an instance may be besides: one whose guest says of itself how
// much memory it has.
type Informer interface {
	Info(ctx context.Context) (client.Info, error)
}
