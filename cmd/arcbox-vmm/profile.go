// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"arcbox.dev/bench/profile"
	"arcbox.dev/runtime/vmproc"
)

// startProfile has this process profile itself where the launcher wants that. stop
// writes the profiles. The kernel process, which is locked in, is not profiled: it is
// no Go program. No guest has a way to the settings.
func startProfile(s vmproc.Settings) (stop func() error, err error) {
	if s.Profile == "" {
		return func() error { return nil }, nil
	}
	return profile.Start(s.Profile, "vmm-"+s.Config.ID)
}
