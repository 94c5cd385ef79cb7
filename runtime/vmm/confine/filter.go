// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package confine

import (
	"arcbox.dev/runtime/seccomp"
	"golang.org/x/sys/unix"
)

// allowed are the calls that pass whatever their arguments: those of Go's runtime,
// of devices that read and write files that are open, and of sockets and pipes that
// were handed in or made as a pair.
var allowed = []uint32{
	// Go's runtime: threads, timers, memory, signals, the network poller.
	unix.SYS_FUTEX, unix.SYS_NANOSLEEP, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_CLOCK_GETTIME, unix.SYS_SCHED_YIELD,
	unix.SYS_SCHED_GETAFFINITY, unix.SYS_MUNMAP, unix.SYS_MADVISE, unix.SYS_MINCORE, unix.SYS_RT_SIGACTION,
	unix.SYS_RT_SIGPROCMASK, unix.SYS_RT_SIGRETURN, unix.SYS_SIGALTSTACK, unix.SYS_GETPID, unix.SYS_GETPPID,
	unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID, unix.SYS_GETEGID, unix.SYS_ARCH_PRCTL,
	unix.SYS_SETITIMER, unix.SYS_TIMER_CREATE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_DELETE, unix.SYS_GETRANDOM,
	unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EPOLL_PWAIT, unix.SYS_EVENTFD2, unix.SYS_PIPE2,
	unix.SYS_RESTART_SYSCALL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_GETRUSAGE,
	// Open files: disks, guest memory, logs.
	unix.SYS_READ, unix.SYS_WRITE, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64,
	unix.SYS_PREADV, unix.SYS_PWRITEV, unix.SYS_PREADV2, unix.SYS_PWRITEV2, unix.SYS_LSEEK, unix.SYS_CLOSE,
	unix.SYS_FSTAT, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_FALLOCATE, unix.SYS_FTRUNCATE, unix.SYS_DUP3,
	// Sockets that are connected.
	unix.SYS_SENDMSG, unix.SYS_RECVMSG, unix.SYS_SENDTO, unix.SYS_RECVFROM, unix.SYS_SHUTDOWN, unix.SYS_GETSOCKNAME,
	unix.SYS_GETPEERNAME, unix.SYS_GETSOCKOPT, unix.SYS_SETSOCKOPT, unix.SYS_POLL, unix.SYS_PPOLL,
}

// fileCommands are the commands of fcntl(2) that pass. Among the others are those
// that send signals to other processes (F_SETOWN).
var fileCommands = []uint32{
	unix.F_DUPFD, unix.F_DUPFD_CLOEXEC, unix.F_GETFD, unix.F_SETFD, unix.F_GETFL, unix.F_SETFL, unix.F_GET_SEALS,
}

// connected are the types of socketpair(2) that pass: a datagram socket can be told
// to send to any address.
var connected = []uint32{
	unix.SOCK_STREAM, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, unix.SOCK_STREAM | unix.SOCK_NONBLOCK,
	unix.SOCK_STREAM | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK,
	unix.SOCK_SEQPACKET, unix.SOCK_SEQPACKET | unix.SOCK_CLOEXEC, unix.SOCK_SEQPACKET | unix.SOCK_NONBLOCK,
	unix.SOCK_SEQPACKET | unix.SOCK_CLOEXEC | unix.SOCK_NONBLOCK,
}

const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWTIME

// filter lets pass what a running VMM of process pid does; all else fails with EPERM.
func filter(pid int) []unix.SockFilter {
	f := seccomp.New()
	f.Allow(unix.SYS_IOCTL, seccomp.Any(1, requests()...)) // first: each exit of a guest comes here
	f.AllowAll(allowed...)
	f.Allow(unix.SYS_FCNTL, seccomp.Any(1, fileCommands...))
	// Memory is never both of the process's making and executable.
	f.Allow(unix.SYS_MMAP, seccomp.None(2, unix.PROT_EXEC))
	f.Allow(unix.SYS_MPROTECT, seccomp.None(2, unix.PROT_EXEC))
	f.Allow(unix.SYS_CLONE, seccomp.None(0, newNamespaces), seccomp.Some(0, unix.CLONE_THREAD))
	f.Refuse(unix.ENOSYS, unix.SYS_CLONE3) // whose flags are behind a pointer
	f.Allow(unix.SYS_SOCKETPAIR, seccomp.Any(0, unix.AF_UNIX), seccomp.Any(1, connected...))
	// Signals to itself: Go preempts goroutines, and a vCPU is called back, that way.
	f.Allow(unix.SYS_TGKILL, seccomp.Any(0, uint32(pid)))
	f.Allow(unix.SYS_KILL, seccomp.Any(0, uint32(pid)))
	f.Allow(unix.SYS_PRCTL, seccomp.Any(0, unix.PR_SET_VMA)) // Go names its memory
	return f.Program(unix.EPERM)
}
