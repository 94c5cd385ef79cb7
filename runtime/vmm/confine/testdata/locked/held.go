// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package main

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/vmm/kvmapi"
)

// held is what was opened before.
type held struct {
	root, memfd, socket, kvm int
	memory                   []byte
	rollup                   *os.File
	vm, vcpu                 int // -1 without KVM
	page                     kvmapi.RunPage
}

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println("opening what is needed:", err)
		os.Exit(1)
	}
	return v
}

func open() held {
	h := held{kvm: 3, vm: -1, vcpu: -1}
	h.root = must(unix.Open("/", unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0))
	h.memfd = must(unix.MemfdCreate("guest", unix.MFD_CLOEXEC))
	must(0, unix.Ftruncate(h.memfd, 1<<20))
	h.socket = must(unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0))
	h.memory = must(unix.Mmap(-1, 0, 1<<16, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_ANON))
	h.rollup = must(os.Open("/proc/self/smaps_rollup"))
	if _, err := gokvm.GetAPIVersion(3); err != nil {
		return h
	}
	h.vm = must(kvmapi.CreateVM(3))
	must(0, gokvm.SetTSSAddr(uintptr(h.vm), 0xfffb_d000))
	h.memory[0] = 0xf4 // hlt
	must(0, kvmapi.MapMemory(h.vm, 0, 0, h.memory))
	h.vcpu = must(kvmapi.CreateVCPU(h.vm, 0))
	h.page = must(kvmapi.MapRunPage(3, h.vcpu))
	var sregs gokvm.Sregs
	must(0, kvmapi.GetSregs(h.vcpu, &sregs))
	sregs.CS.Base, sregs.CS.Selector = 0, 0
	must(0, kvmapi.SetSregs(h.vcpu, &sregs))
	must(0, kvmapi.SetRegs(h.vcpu, &gokvm.Regs{RFLAGS: 2}))
	return h
}

// runGuest runs one instruction of a guest, in real mode.
func runGuest(h held) error {
	if h.vcpu < 0 {
		return nil
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for {
		err := kvmapi.Run(h.vcpu)
		switch {
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case err != nil:
			return err
		case h.page.ExitReason() != gokvm.EXITHLT:
			return fmt.Errorf("exit %v", h.page.ExitReason())
		default:
			return nil
		}
	}
}

// thread is one that is there before Lock.
type thread struct {
	ask    chan string
	answer chan error
}

func startThreads(n int) []thread {
	threads := make([]thread, n)
	for i := range threads {
		t := thread{make(chan string), make(chan error)}
		threads[i] = t
		go func() {
			runtime.LockOSThread()
			t.answer <- nil
			for path := range t.ask {
				_, err := unix.Open(path, unix.O_RDONLY, 0)
				t.answer <- err
			}
		}()
		<-t.answer
	}
	return threads
}

func (t thread) open(path string) error {
	t.ask <- path
	return <-t.answer
}
