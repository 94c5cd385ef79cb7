// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"

	"arcbox.dev/guest/client"
)

// statusOf is the exit status for an error of arcbox or of starting a container.
func statusOf(err error) int {
	switch {
	case errors.Is(err, client.ErrCommandNotFound):
		return statusNotFound
	case errors.Is(err, client.ErrNotExecutable):
		return statusNotExecutable
	default:
		return statusArcbox
	}
}
