// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix && !linux

package qemu

import "syscall"

// attributes has QEMU not end with a Ctrl-C at the lab's terminal, which the lab
// turns into an orderly end.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
