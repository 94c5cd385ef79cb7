// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"arcbox.dev/guest/initramfs"
	"arcbox.dev/guest/kernel"
	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// shellInit is the init of a guest that is nothing but a shell on the console.
const shellInit = `#!/bin/busybox sh
PATH=/bin
/bin/busybox echo up
exec /bin/busybox sh
`

// bareGuest returns a User-Mode Linux kernel and an initramfs with shellInit.
func bareGuest(t testing.TB, dir string) (kernelPath, initrd string) {
	k, err := kernel.Find(kernel.Options{Flavour: kernel.UML})
	if errors.Is(err, kernel.ErrNotFound) {
		t.Skip(err)
	}
	require.NoError(t, err)
	init := filepath.Join(dir, "init")
	require.NoError(t, os.WriteFile(init, []byte(shellInit), 0o755))
	initrd, err = initramfs.Cached(dir, initramfs.Spec{Init: init, Files: []initramfs.File{{Name: "/bin/busybox", Mode: 0o755, Source: "/bin/busybox"}}})
	require.NoError(t, err)
	return k.Path, initrd
}

// vmBoot is arcbox vm boot of the bare guest by the uml driver.
func (p place) vmBoot(args ...string) *exec.Cmd {
	kernelPath, initrd := bareGuest(p.t, p.home)
	return p.arcbox(append([]string{"vm", "boot", "--driver", "uml", "--kernel", kernelPath, "--initrd", initrd, "--cmdline", "quiet"}, args...)...)
}

// TestVMBootPipe: what comes from a pipe is typed, and a power off is status 0. The
// end of the pipe does not end the VM.
func TestVMBootPipe(t *testing.T) {
	p := newPlace(t)
	cmd := p.vmBoot("--trace", "--vsock")
	cmd.Stdin = strings.NewReader("busybox echo got $((6*7)); busybox sleep 0.2; busybox poweroff -f\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s%s", out, stderr.String())
	require.Contains(t, string(out), "got 42")
	for _, span := range []string{"vmm_up", "kernel", "stop"} {
		require.Regexp(t, `(?m)^`+span+` +\d+\.\d ms`, stderr.String())
	}
	p.requireNothingLeft()
}

// TestVMBootEnds: an end that is no power off has its status and one line.
func TestVMBootEnds(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct{ typed, line string }{
		{"exit 3", "panic: Attempted to kill init! exitcode=0x00000300"},
		{"busybox reboot -f", "reboot"},
	} {
		cmd := p.vmBoot()
		cmd.Stdin = strings.NewReader(c.typed + "\n")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		err := cmd.Run()
		require.Equal(t, statusVM, cmd.ProcessState.ExitCode(), "%v: %s", err, stderr.String())
		require.Equal(t, "arcbox: the VM ended: "+c.line+"\n", stderr.String())
	}
	p.requireNothingLeft()
}

// TestVMBootSignal: a guest that does not hear its power button is ended by the second signal.
func TestVMBootSignal(t *testing.T) {
	p := newPlace(t)
	cmd := p.vmBoot()
	screen := watch(t, cmd)
	screen.waitFor("up")
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
	cmd.Wait()
	require.Equal(t, 128+int(syscall.SIGTERM), cmd.ProcessState.ExitCode())
	p.requireNothingLeft()
}

// TestVMBootTerminal: in a terminal, Ctrl-C goes to the guest and the escape ends the VM.
func TestVMBootTerminal(t *testing.T) {
	p := newPlace(t)
	cmd := p.vmBoot()
	screen := watch(t, cmd)
	screen.waitFor("Ctrl-A X ends the VM")
	screen.waitFor("up")
	screen.enter("busybox sleep 0.1\x03\rbusybox echo still $((1+1))\r")
	screen.waitFor("still 2")
	screen.enter("\x01x")
	require.NoError(t, cmd.Wait(), screen.text())
	p.requireNothingLeft()
}

// guestScreen is a terminal that a command has.
type guestScreen struct {
	t   *testing.T
	pty *os.File
	mu  sync.Mutex
	all bytes.Buffer
}

// watch starts a command on a terminal of its own.
func watch(t *testing.T, cmd *exec.Cmd) *guestScreen {
	f, err := pty.Start(cmd)
	require.NoError(t, err)
	s := &guestScreen{t: t, pty: f}
	done := make(chan struct{})
	t.Cleanup(func() { f.Close(); <-done })
	go func() {
		defer close(done)
		for p := make([]byte, 4096); ; {
			n, err := f.Read(p)
			s.mu.Lock()
			s.all.Write(p[:n])
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *guestScreen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.all.String()
}

func (s *guestScreen) waitFor(want string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return strings.Contains(s.text(), want) }, 20*time.Second, 5*time.Millisecond, "%s\n%s", want, s.text())
}

func (s *guestScreen) enter(keys string) {
	_, err := s.pty.WriteString(keys)
	require.NoError(s.t, err)
}
