// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package worker

import "os"

// Guard is the first thing that a program that is a worker calls. Here no process
// can adopt what others leave: a worker that must be killed goes with its process
// group alone.
func Guard() {
	if os.Getenv(envRole) == roleGuard {
		os.Setenv(envRole, roleServe)
	}
}
