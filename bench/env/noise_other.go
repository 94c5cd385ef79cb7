// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package env

import "errors"

// readCounters has no source of the host's CPU time here; a record then says so.
func readCounters() (counters, error) {
	return counters{}, errors.ErrUnsupported
}
