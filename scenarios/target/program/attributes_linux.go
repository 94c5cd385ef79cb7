// SPDX-License-Identifier: MIT OR Apache-2.0

package program

import "syscall"

// attributes has a process end with the lab, and not with a Ctrl-C at the lab's
// terminal, which the lab turns into an orderly end.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
