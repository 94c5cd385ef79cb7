// SPDX-License-Identifier: MIT OR Apache-2.0

package count

import "golang.org/x/sys/unix"

// unsteadyHere are what newer architectures do by the calls in unsteady.
var unsteadyHere = []int{unix.SYS_EPOLL_WAIT, unix.SYS_POLL, unix.SYS_SELECT, unix.SYS_PAUSE}
