// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package density

import (
	"errors"
	"fmt"
)

// hostAvailable is known on Linux alone.
func hostAvailable() (uint64, error) {
	return 0, fmt.Errorf("reading the host's available memory: %w", errors.ErrUnsupported)
}
