// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package image

import (
	"os/exec"
	"testing"
)

func ownMounts(t testing.TB, _ *exec.Cmd) {
	t.Skip("a disk of any size takes Linux: tmpfs in a namespace of mounts")
}

func roleSmallDisk([]string) error { return nil }
