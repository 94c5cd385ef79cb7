// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package main

import (
	"iter"
	"os"
	"runtime"
	"syscall"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/vmm/kvmapi"
)

// refused tries what must not be possible.
func refused(h held, secret string, victim int) iter.Seq2[string, error] {
	raw := func(nr uintptr, args ...uintptr) error {
		var a [6]uintptr
		copy(a[:], args)
		if _, _, errno := unix.Syscall6(nr, a[0], a[1], a[2], a[3], a[4], a[5]); errno != 0 {
			return errno
		}
		return nil
	}
	second := func(_ any, err error) error { return err }
	tries := []struct {
		what string
		try  func() error
	}{
		{"execve", func() error { return unix.Exec(secret, []string{"x"}, nil) }},
		{"open", func() error { return second(unix.Open(secret, unix.O_RDONLY, 0)) }},
		{"open by a folder's descriptor", func() error { return second(unix.Openat(h.root, "etc/passwd", unix.O_RDONLY, 0)) }},
		{"openat2", func() error { return second(unix.Openat2(h.root, "etc", &unix.OpenHow{})) }},
		{"open of /proc", func() error { return second(os.Open("/proc/self/status")) }},
		{"create", func() error { return second(unix.Open("/x", unix.O_CREAT|unix.O_RDWR, 0)) }},
		{"stat", func() error { return unix.Stat(secret, new(unix.Stat_t)) }},
		{"readlink", func() error { return second(os.Readlink("/proc/self/exe")) }},
		{"unlink", func() error { return unix.Unlinkat(h.root, "x", 0) }},
		{"getdents", func() error { return second(unix.Getdents(h.root, make([]byte, 4096))) }},
		{"socket inet", func() error { return second(unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)) }},
		{"socket unix", func() error { return second(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)) }},
		{"socket netlink", func() error { return second(unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW, 0)) }},
		{"socketpair datagram", func() error { return second(unix.Socketpair(unix.AF_UNIX, unix.SOCK_DGRAM, 0)) }},
		{"connect", func() error { return unix.Connect(h.socket, &unix.SockaddrUnix{Name: secret}) }},
		{"bind", func() error { return unix.Bind(h.socket, &unix.SockaddrUnix{Name: "@x"}) }},
		{"listen", func() error { return unix.Listen(h.socket, 1) }},
		{"ptrace", func() error { return unix.PtraceAttach(victim) }},
		{"kill", func() error { return unix.Kill(victim, 0) }},
		{"kill all", func() error { return unix.Kill(-1, 0) }},
		{"tgkill", func() error { return unix.Tgkill(victim, victim, 0) }},
		{"signal by fcntl", func() error { return second(unix.FcntlInt(uintptr(h.socket), unix.F_SETOWN, victim)) }},
		{"pidfd", func() error { return second(unix.PidfdOpen(victim, 0)) }},
		{"read other memory", func() error { return raw(unix.SYS_PROCESS_VM_READV, uintptr(victim)) }},
		{"fork", func() error { return fork() }},
		{"new user namespace", func() error { return raw(unix.SYS_CLONE, unix.CLONE_NEWUSER|unix.CLONE_THREAD) }},
		{"unshare", func() error { return unix.Unshare(unix.CLONE_NEWUSER) }},
		{"setns", func() error { return unix.Setns(h.root, 0) }},
		{"mount", func() error { return unix.Mount("x", "/", "tmpfs", 0, "") }},
		{"umount", func() error { return unix.Unmount("/", unix.MNT_DETACH) }},
		{"chroot", func() error { return unix.Chroot("/") }},
		{"fchdir", func() error { return unix.Fchdir(h.root) }},
		{"capset", func() error { return raiseCapabilities() }},
		{"setuid", func() error { return raw(unix.SYS_SETUID, 0) }},
		{"securebits", func() error { return unix.Prctl(unix.PR_SET_SECUREBITS, 0, 0, 0, 0) }},
		{"dumpable", func() error { return unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0) }},
		{"core limit", func() error { return unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}) }},
		{"executable memory", func() error {
			return second(unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_EXEC, unix.MAP_PRIVATE|unix.MAP_ANON))
		}},
		{"memory made executable", func() error { return unix.Mprotect(h.memory[:4096], unix.PROT_READ|unix.PROT_EXEC) }},
		{"io_uring", func() error { return raw(unix.SYS_IO_URING_SETUP, 1) }},
		{"bpf", func() error { return raw(unix.SYS_BPF) }},
		{"perf", func() error { return raw(unix.SYS_PERF_EVENT_OPEN) }},
		{"userfaultfd", func() error { return raw(unix.SYS_USERFAULTFD) }},
		{"keyctl", func() error { return raw(unix.SYS_KEYCTL) }},
		{"typing into a terminal", func() error { return raw(unix.SYS_IOCTL, 0, unix.TIOCSTI) }},
		{"another VM", func() error { return raw(unix.SYS_IOCTL, uintptr(h.kvm), 0xae01) }}, // KVM_CREATE_VM
		{"memory slots", func() error { return kvmapi.MapMemory(h.vm, 1, 1<<20, h.memory) }},
		{"a vCPU's registers", func() error { return kvmapi.SetRegs(h.vcpu, new(gokvm.Regs)) }},
	}
	return func(yield func(string, error) bool) {
		for _, t := range tries {
			if !yield(t.what, t.try()) {
				return
			}
		}
	}
}

// fork makes a process, which ends at once.
func fork() error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	child, _, errno := syscall.RawSyscall(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0)
	switch {
	case errno != 0:
		return errno
	case child == 0:
		syscall.RawSyscall(unix.SYS_EXIT_GROUP, 0, 0, 0)
	}
	return nil
}

func raiseCapabilities() error {
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	all := [2]unix.CapUserData{{Effective: 1 << 21, Permitted: 1 << 21}} // CAP_SYS_ADMIN
	return unix.Capset(&head, &all[0])
}
