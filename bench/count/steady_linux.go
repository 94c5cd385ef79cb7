// SPDX-License-Identifier: MIT OR Apache-2.0

package count

import (
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// unsteady are the system calls whose number is a matter of timing rather than of
// the program: of how long another thread takes, how much has arrived at a time,
// when a timer comes, and how Go's heap grows. Those that only some architectures
// have are in unsteadyHere.
var unsteady = []int{
	// Waiting.
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_SCHED_YIELD, unix.SYS_EPOLL_PWAIT, unix.SYS_EPOLL_PWAIT2,
	unix.SYS_PPOLL, unix.SYS_PSELECT6, unix.SYS_WAIT4, unix.SYS_WAITID, unix.SYS_RESTART_SYSCALL,
	// Transfers, which take what there is, and bells.
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_RECVMSG, unix.SYS_SENDMSG, unix.SYS_RECVFROM, unix.SYS_SENDTO,
	// Signals and timers, and what a new thread of a Go program does.
	unix.SYS_RT_SIGRETURN, unix.SYS_RT_SIGPROCMASK, unix.SYS_TGKILL, unix.SYS_KILL, unix.SYS_SIGALTSTACK, unix.SYS_GETTID, unix.SYS_GETPID,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_TIMERFD_SETTIME, unix.SYS_SETITIMER,
	// Memory.
	unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_MADVISE, unix.SYS_BRK,
	// A User-Mode Linux kernel at its guest's processes: as often as these are interrupted.
	unix.SYS_PTRACE,
}

// steadyFilter lets all other system calls pass (Documentation/trace/events.rst, 5).
func steadyFilter() string {
	var terms []string
	for _, set := range [][]int{unsteady, unsteadyHere} {
		for _, number := range set {
			terms = append(terms, "id != "+strconv.Itoa(number))
		}
	}
	return strings.Join(terms, " && ")
}
