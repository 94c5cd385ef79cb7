// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix && !linux

package program

import "syscall"

// attributes has a process not end with a Ctrl-C at the lab's terminal, which the
// lab turns into an orderly end.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
