// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Command prober runs inside a jail and says what it is allowed to do there.
package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func main() {
	open := descriptors()
	if len(os.Args) > 1 && os.Args[1] == "sleep" {
		time.Sleep(time.Minute)
		return
	}
	secret, memory := os.Args[1], os.Args[2]
	say := func(what string, err error) {
		switch {
		case err == nil:
			fmt.Printf("%s: ok\n", what)
		case errors.Is(err, unix.EPERM):
			fmt.Printf("%s: EPERM\n", what)
		default:
			fmt.Printf("%s: refused (%v)\n", what, err)
		}
	}
	refused := func(what string, err error) {
		if err != nil {
			fmt.Printf("%s: refused\n", what)
			return
		}
		fmt.Printf("%s: ok\n", what)
	}
	_, err := os.ReadFile(secret)
	refused("open secret", err)
	entries, err := os.ReadDir("/")
	if err != nil || len(entries) < 8 {
		fmt.Println("list root: refused or bare")
	}
	refused("write root", os.WriteFile("/x", nil, 0o600))
	say("write memory folder", os.WriteFile(memory+"/x", []byte("x"), 0o600))
	socket := func(domain, kind int) error {
		fd, err := unix.Socket(domain, kind, 0)
		if err == nil {
			unix.Close(fd)
		}
		return err
	}
	say("inet socket", socket(unix.AF_INET, unix.SOCK_STREAM))
	say("netlink socket", socket(unix.AF_NETLINK, unix.SOCK_RAW))
	say("unix socket", socket(unix.AF_UNIX, unix.SOCK_STREAM))
	say("mount", unix.Mount("none", memory, "tmpfs", 0, ""))
	say("unshare", unix.Unshare(unix.CLONE_NEWNET))
	_, _, errno := unix.RawSyscall6(unix.SYS_CLONE, unix.CLONE_NEWUSER|uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
	if errno == 0 {
		fmt.Println("new user namespace: ok")
	} else {
		say("new user namespace", errno)
	}
	_, _, errno = unix.RawSyscall(unix.SYS_BPF, 0, 0, 0)
	say("bpf", errno)

	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&head, &data[0]); err == nil || errors.Is(err, unix.EPERM) {
		if data == [2]unix.CapUserData{} {
			fmt.Println("capabilities: none")
		}
	}
	if set, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0); err == nil && set == 1 {
		fmt.Println("no_new_privs: set")
	}
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_CORE, &limit)
	fmt.Printf("core limit: %d\n", limit.Max)
	fmt.Printf("descriptors: %d\npid: %d\nuid: %d\n", open, os.Getpid(), os.Getuid())
}

// descriptors counts those that are open before this program opens any.
func descriptors() (open int) {
	for fd := range 64 {
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			open++
		}
	}
	return open
}
