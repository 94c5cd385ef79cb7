// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package uml

import (
	"arcbox.dev/runtime/seccomp"
	"golang.org/x/sys/unix"
)

// allowed are the system calls that a User-Mode Linux kernel and the processes
// that carry its guest's programs make on the host, those of the hot path first.
// Calls of the guest's own programs do not come here: ptrace stops them before
// seccomp sees them (seccomp(2); ptrace(2), PTRACE_SYSEMU).
var allowed = []uint32{
	unix.SYS_PTRACE, unix.SYS_WAIT4, unix.SYS_MMAP, unix.SYS_MUNMAP, unix.SYS_MPROTECT, unix.SYS_RT_SIGRETURN,
	unix.SYS_RT_SIGPROCMASK, unix.SYS_READ, unix.SYS_WRITE, unix.SYS_TIMER_SETTIME, unix.SYS_TIMER_GETTIME,
	unix.SYS_CLOCK_GETTIME, unix.SYS_CLOCK_NANOSLEEP, unix.SYS_NANOSLEEP, unix.SYS_EPOLL_WAIT, unix.SYS_EPOLL_PWAIT,
	unix.SYS_RT_SIGSUSPEND, unix.SYS_RT_SIGACTION, unix.SYS_SENDMSG, unix.SYS_RECVMSG, unix.SYS_SENDTO,
	unix.SYS_RECVFROM, unix.SYS_READV, unix.SYS_WRITEV, unix.SYS_PREAD64, unix.SYS_PWRITE64, unix.SYS_POLL,
	unix.SYS_PPOLL, unix.SYS_FUTEX, unix.SYS_SCHED_YIELD, unix.SYS_GETTIMEOFDAY,
	unix.SYS_MADVISE, unix.SYS_BRK, unix.SYS_FALLOCATE, unix.SYS_FTRUNCATE, unix.SYS_FSYNC, unix.SYS_FDATASYNC, unix.SYS_LSEEK,
	unix.SYS_OPENAT, unix.SYS_OPEN, unix.SYS_CLOSE, unix.SYS_FSTAT, unix.SYS_STAT, unix.SYS_LSTAT, unix.SYS_NEWFSTATAT,
	unix.SYS_STATFS, unix.SYS_FSTATFS, unix.SYS_ACCESS, unix.SYS_FACCESSAT, unix.SYS_FACCESSAT2, unix.SYS_READLINK,
	unix.SYS_READLINKAT, unix.SYS_GETDENTS64, unix.SYS_GETCWD, unix.SYS_MKDIR, unix.SYS_RMDIR, unix.SYS_UNLINK,
	unix.SYS_CHMOD, unix.SYS_FCHMOD, unix.SYS_DUP, unix.SYS_DUP2, unix.SYS_DUP3, unix.SYS_FCNTL, unix.SYS_IOCTL,
	unix.SYS_PIPE, unix.SYS_PIPE2, unix.SYS_SOCKETPAIR, unix.SYS_CONNECT, unix.SYS_BIND, unix.SYS_GETSOCKNAME,
	unix.SYS_SETSOCKOPT, unix.SYS_GETSOCKOPT, unix.SYS_SHUTDOWN,
	unix.SYS_EPOLL_CREATE, unix.SYS_EPOLL_CREATE1, unix.SYS_EPOLL_CTL, unix.SYS_EVENTFD2, unix.SYS_SIGNALFD4,
	unix.SYS_TIMER_CREATE, unix.SYS_TIMER_DELETE, unix.SYS_SIGALTSTACK, unix.SYS_RT_SIGPENDING, unix.SYS_RT_SIGTIMEDWAIT,
	unix.SYS_TGKILL, unix.SYS_TKILL, unix.SYS_EXIT, unix.SYS_EXIT_GROUP, unix.SYS_FORK,
	unix.SYS_EXECVE, unix.SYS_ARCH_PRCTL, unix.SYS_PRCTL, unix.SYS_MODIFY_LDT, unix.SYS_SET_TID_ADDRESS,
	unix.SYS_SET_ROBUST_LIST, unix.SYS_RSEQ, unix.SYS_GETRANDOM, unix.SYS_UNAME, unix.SYS_PERSONALITY,
	unix.SYS_GETPID, unix.SYS_GETPPID, unix.SYS_GETTID, unix.SYS_GETUID, unix.SYS_GETEUID, unix.SYS_GETGID,
	unix.SYS_GETEGID, unix.SYS_SETSID, unix.SYS_SETPGID, unix.SYS_GETPGRP, unix.SYS_PRLIMIT64, unix.SYS_GETRLIMIT,
	unix.SYS_SETRLIMIT, unix.SYS_SCHED_GETAFFINITY, unix.SYS_SYSINFO, unix.SYS_RESTART_SYSCALL,
}

const newNamespaces = unix.CLONE_NEWNS | unix.CLONE_NEWCGROUP | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC |
	unix.CLONE_NEWUSER | unix.CLONE_NEWPID | unix.CLONE_NEWNET

// filter is the program: allowed calls pass, sockets are Unix ones, clone makes
// processes and nothing else (clone3 hides its flags behind a pointer and is not
// there), all else fails with EPERM.
//
// Of processes that share memory only threads are made: a packaged kernel starts
// helpers for host devices that it is not given (ubd's files, pseudo-terminals),
// which neither a death signal nor ptrace would end with it. It does without them.
//
// After a panic UML sends itself SIGABRT until it is dead, which the first process
// of a PID namespace never is (pid_namespaces(7)): the filter ends it at the first.
func filter() []unix.SockFilter {
	f := seccomp.New()
	f.AllowAll(allowed...)
	f.Allow(unix.SYS_CLONE, seccomp.None(0, newNamespaces), seccomp.Some(0, unix.CLONE_THREAD))
	f.Allow(unix.SYS_CLONE, seccomp.None(0, newNamespaces|unix.CLONE_VM))
	f.Kill(unix.SYS_KILL, seccomp.Any(1, uint32(unix.SIGABRT)))
	f.Allow(unix.SYS_KILL)
	f.Refuse(unix.ENOSYS, unix.SYS_CLONE3) // glibc then takes clone
	f.Allow(unix.SYS_SOCKET, seccomp.Any(0, unix.AF_UNIX))
	return f.Program(unix.EPERM)
}
