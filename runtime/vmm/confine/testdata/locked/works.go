// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package main

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// works are what a VMM does.
var works = []struct {
	what string
	try  func(held) error
}{
	{"goroutines", goroutines},
	{"threads", newThreads},
	{"timers", timers},
	{"garbage collection", collect},
	{"eventfd", eventfd},
	{"pipe with a deadline", pipe},
	{"descriptors over a socket pair", passing},
	{"mapping a memfd", mapping},
	{"signals to itself", signals},
	{"CPU profile", profile},
	{"log", logging},
	{"figures of its own", figures},
	{"KVM", runGuest},
}

func goroutines(held) error {
	c := make(chan int)
	for i := range 1000 {
		go func() { c <- i }()
	}
	sum := 0
	for range 1000 {
		sum += <-c
	}
	if sum != 499500 {
		return fmt.Errorf("sum %d", sum)
	}
	return nil
}

// newThreads blocks more threads than there are.
func newThreads(held) error {
	var all sync.WaitGroup
	for range 30 {
		all.Go(func() {
			runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
			unix.Nanosleep(&unix.Timespec{Nsec: 20e6}, nil)
		})
	}
	all.Wait()
	return nil
}

func timers(held) error {
	start := time.Now()
	<-time.After(20 * time.Millisecond)
	if d := time.Since(start); d < 20*time.Millisecond || d > 5*time.Second {
		return fmt.Errorf("after %v", d)
	}
	return nil
}

var sink [][]byte

func collect(held) error {
	for range 64 {
		sink = append(sink, bytes.Repeat([]byte{1}, 1<<20))
	}
	sink = nil
	runtime.GC()
	return nil
}

func eventfd(held) error {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return err
	}
	f := os.NewFile(uintptr(fd), "eventfd") // which Go polls
	defer f.Close()
	go func() { f.Write([]byte{1, 0, 0, 0, 0, 0, 0, 0}) }()
	_, err = f.Read(make([]byte, 8))
	return err
}

func pipe(held) error {
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	defer w.Close()
	defer r.Close()
	r.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := r.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("reading: %w", err)
	}
	return nil
}

func passing(h held) error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	var ends [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		f.Close()
		if err != nil {
			return err
		}
		defer c.Close()
		ends[i] = c.(*net.UnixConn)
	}
	if _, _, err := ends[0].WriteMsgUnix([]byte("x"), unix.UnixRights(h.memfd), nil); err != nil {
		return err
	}
	oob := make([]byte, 64)
	_, n, _, _, err := ends[1].ReadMsgUnix(make([]byte, 1), oob)
	if err != nil {
		return err
	}
	msgs, err := unix.ParseSocketControlMessage(oob[:n])
	if err != nil {
		return err
	}
	got, err := unix.ParseUnixRights(&msgs[0])
	if err != nil {
		return err
	}
	return unix.Close(got[0])
}

func mapping(h held) error {
	mem, err := unix.Mmap(h.memfd, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return err
	}
	mem[4096] = 1
	if err := unix.Fallocate(h.memfd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, 0, 1<<20); err != nil {
		return err
	}
	if mem[4096] != 0 {
		return errors.New("the page is still there")
	}
	if err := unix.Madvise(mem, unix.MADV_DONTNEED); err != nil {
		return err
	}
	return unix.Munmap(mem)
}

func signals(held) error {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR1)
	if err := unix.Kill(os.Getpid(), unix.SIGUSR1); err != nil {
		return err
	}
	<-c
	return nil
}

func profile(held) error {
	var out bytes.Buffer
	if err := pprof.StartCPUProfile(&out); err != nil {
		return err
	}
	for start := time.Now(); time.Since(start) < 20*time.Millisecond; {
	}
	pprof.StopCPUProfile()
	if out.Len() == 0 {
		return errors.New("it is empty")
	}
	return nil
}

func logging(held) error {
	var out bytes.Buffer
	slog.New(slog.NewTextHandler(&out, nil)).Warn("x", "at", time.Now())
	if out.Len() == 0 {
		return errors.New("it is empty")
	}
	return nil
}

func figures(h held) error {
	text := make([]byte, 8192)
	n, err := h.rollup.ReadAt(text, 0)
	if n == 0 || !bytes.Contains(text[:n], []byte("Pss_Anon:")) {
		return fmt.Errorf("%d bytes: %w", n, err)
	}
	return nil
}
