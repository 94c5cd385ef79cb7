// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/require"
)

// TestGigabyteOut: 1 GiB comes out of a container whole, with bounded memory here.
func TestGigabyteOut(t *testing.T) {
	p := newPlace(t)
	// A page-unaligned piece, and a number in front of each, so that nothing can be lost, doubled or moved unseen.
	const piece, pieces = 1<<20 + 321, 1024
	cmd := p.arcbox("run", p.busybox(), "sh", "-c", fmt.Sprintf(
		"yes 'the quick brown fox' | head -c %d >/tmp/piece; i=0; while [ $i -lt %d ]; do echo $i; cat /tmp/piece; i=$((i+1)); done", piece, pieces))
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	text := bytes.Repeat([]byte("the quick brown fox\n"), piece/20+1)[:piece]
	want, size := sha256.New(), 0
	for i := range pieces {
		n, _ := fmt.Fprintf(want, "%d\n", i)
		size += n + piece
		want.Write(text)
	}
	got := sha256.New()
	n, err := io.Copy(got, out)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait())
	require.EqualValues(t, size, n)
	require.Equal(t, want.Sum(nil), got.Sum(nil))
	const most = 64 << 20 // bytes
	require.Less(t, cmd.ProcessState.SysUsage().(*syscall.Rusage).Maxrss<<10, int64(most), "memory of arcbox")
	p.requireNothingLeft()
}

// TestBothWays: data goes in and comes out at the same time.
func TestBothWays(t *testing.T) {
	p := newPlace(t)
	data := make([]byte, 64<<20)
	rand.NewChaCha8([32]byte{3}).Read(data)
	cmd := p.arcbox("run", "-i", p.busybox(), "cat")
	cmd.Stdin = bytes.NewReader(data)
	out, err := cmd.Output()
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(data), sha256.Sum256(out))
}

// TestTenAtOnce: ten VMs run side by side, the image being loaded by all of them.
func TestTenAtOnce(t *testing.T) {
	p := newPlace(t)
	var all sync.WaitGroup
	outs := make([]string, 10)
	errs := make([]error, len(outs))
	for i := range outs {
		cmd := p.arcbox("run", "-i", p.busybox(), "sh", "-c", "read x; sleep 1; echo got $x; exit "+strconv.Itoa(i))
		cmd.Stdin = strings.NewReader(fmt.Sprintf("line %d\n", i))
		all.Go(func() {
			out, err := cmd.Output()
			outs[i], errs[i] = string(out), err
		})
	}
	all.Wait()
	for i := range outs {
		code := 0
		if exit, ok := errs[i].(*exec.ExitError); ok {
			code = exit.ExitCode()
			require.Equal(t, i, code, "%s", exit.Stderr)
		} else {
			require.NoError(t, errs[i])
		}
		require.Equal(t, i, code)
		require.Equal(t, fmt.Sprintf("got line %d\n", i), outs[i])
	}
	p.requireNothingLeft()
}

// TestSignals: what would end arcbox goes to the container, as with docker run.
func TestSignals(t *testing.T) {
	p := newPlace(t)
	for _, c := range []struct {
		signal syscall.Signal
		script string
		want   int
	}{
		{syscall.SIGTERM, "trap 'echo term; exit 7' TERM; echo up; while :; do sleep 0.1; done", 7},
		{syscall.SIGINT, "trap 'echo int; exit 8' INT; echo up; while :; do sleep 0.1; done", 8},
		{syscall.SIGUSR1, "trap 'echo usr1; exit 9' USR1; echo up; while :; do sleep 0.1; done", 9},
		{syscall.SIGTERM, "echo up; (sleep 0.2; kill -KILL $$) & exec sh -c 'sleep 0.5; sh -c \"kill -TERM \\$\\$\"; exit $?'", 143},
	} {
		cmd := p.arcbox("run", p.busybox(), "sh", "-c", c.script)
		out, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		buf := make([]byte, 3)
		_, err = io.ReadFull(out, buf)
		require.NoError(t, err)
		if c.want != 143 {
			require.NoError(t, cmd.Process.Signal(c.signal))
		}
		io.Copy(io.Discard, out)
		cmd.Wait()
		require.Equal(t, c.want, cmd.ProcessState.ExitCode(), c.script)
	}
	p.requireNothingLeft()
}

// TestInterruptTwice: a container that ignores Ctrl-C is ended by the third.
func TestInterruptedThrice(t *testing.T) {
	p := newPlace(t)
	cmd := p.arcbox("run", p.busybox(), "sh", "-c", "trap '' INT; echo up; while :; do sleep 0.1; done")
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = io.ReadFull(out, make([]byte, 3))
	require.NoError(t, err)
	for range 3 {
		require.NoError(t, cmd.Process.Signal(os.Interrupt))
		time.Sleep(50 * time.Millisecond)
	}
	cmd.Wait()
	require.Equal(t, 130, cmd.ProcessState.ExitCode())
	p.requireNothingLeft()
}

// TestTerminal drives a shell on a terminal: echo, size, Ctrl-C, Ctrl-D.
func TestTerminal(t *testing.T) {
	p := newPlace(t)
	cmd := p.arcbox("run", "-it", p.busybox(), "sh")
	tty, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 31, Cols: 97})
	require.NoError(t, err)
	defer tty.Close()
	s := newScreen(tty)
	s.expect(t, "/ # ")
	s.send(t, "stty size; tty\n")
	s.expect(t, "31 97")
	s.expect(t, "/dev/pts/0")
	require.NoError(t, pty.Setsize(tty, &pty.Winsize{Rows: 40, Cols: 120}))
	require.Eventually(t, func() bool {
		s.send(t, "stty size\n")
		return s.sees("40 120", 300*time.Millisecond)
	}, 10*time.Second, 10*time.Millisecond)
	s.send(t, "sleep 1000\n")
	time.Sleep(200 * time.Millisecond)
	s.send(t, "\x03") // Ctrl-C ends sleep and not the shell
	s.send(t, "echo code $((6*7))\n")
	s.expect(t, "code 42")
	s.send(t, "\x04")
	require.NoError(t, cmd.Wait())
	p.requireNothingLeft()
}

// TestKilled: whichever of a VM's processes is killed, nothing of it is left.
func TestKilled(t *testing.T) {
	for _, victim := range []string{"arcbox", "arcbox-vmm", "linux"} {
		t.Run(victim, func(t *testing.T) {
			p := newPlace(t)
			require.NoError(t, p.arcbox("run", p.busybox(), "true").Run()) // the driver was probed and named
			cmd := p.arcbox("run", p.busybox(), "sh", "-c", "echo up; sleep 1000 & while :; do :; done")
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			require.NoError(t, cmd.Start())
			_, err = io.ReadFull(out, make([]byte, 3))
			require.NoError(t, err)
			tree := family(cmd.Process.Pid)
			require.GreaterOrEqual(t, len(tree), 3, "%v", tree)
			pid := find(t, tree, victim)
			require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
			cmd.Wait()
			for _, m := range tree {
				require.Eventually(t, func() bool { return gone(m) }, 10*time.Second, 10*time.Millisecond, "%v is left", m)
			}
			p.requireNothingLeft()
			if victim != "arcbox" {
				require.Equal(t, 125, cmd.ProcessState.ExitCode())
				require.Equal(t, 1, strings.Count(stderr.String(), "\n"), "%s", stderr.String())
				require.NotContains(t, stderr.String(), "goroutine")
			}
			// The next run clears away what the killed one could not.
			out2, err := p.arcbox("run", p.busybox(), "echo", "again").Output()
			require.NoError(t, err)
			require.Equal(t, "again\n", string(out2))
		})
	}
}

func (p place) busybox() string { return filepath.Join(built, "busybox.tar") }

// member is a process of a VM's family.
type member struct {
	pid   int
	name  string // argv[0]'s base
	start string // its start time, which tells it from a later one of the same pid
}

func (m member) String() string { return fmt.Sprintf("%d (%s)", m.pid, m.name) }

// family lists pid and all its descendants.
func family(pid int) (all []member) {
	pids := []int{pid}
	for i := 0; i < len(pids); i++ {
		cmdline, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pids[i]))
		name, _, _ := strings.Cut(string(cmdline), "\x00")
		all = append(all, member{pids[i], filepath.Base(name), startTime(pids[i])})
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pids[i]))
		for _, task := range tasks {
			b, _ := os.ReadFile(task)
			for _, f := range strings.Fields(string(b)) {
				child, _ := strconv.Atoi(f)
				pids = append(pids, child)
			}
		}
	}
	return all
}

func find(t *testing.T, all []member, name string) int {
	for _, m := range all {
		if m.name == name {
			return m.pid
		}
	}
	require.Fail(t, "no such process", "%s in %v", name, all)
	return 0
}

// startTime is field 22 of /proc/PID/stat (proc(5)), or "" for a process that is gone or a zombie.
func startTime(pid int) string {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	if len(f) < 20 || f[0] == "Z" || f[0] == "X" {
		return ""
	}
	return f[19]
}

func gone(m member) bool { return startTime(m.pid) != m.start || m.start == "" }

// screen collects what a terminal shows.
type screen struct {
	tty  io.ReadWriter
	mu   sync.Mutex
	text []byte
	from int
}

func newScreen(tty io.ReadWriter) *screen {
	s := &screen{tty: tty}
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := tty.Read(buf)
			s.mu.Lock()
			s.text = append(s.text, buf[:n]...)
			s.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return s
}

func (s *screen) send(t *testing.T, text string) {
	_, err := s.tty.Write([]byte(text))
	require.NoError(t, err)
}

// sees waits for text behind what was seen last.
func (s *screen) sees(text string, limit time.Duration) bool {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		s.mu.Lock()
		i := bytes.Index(s.text[s.from:], []byte(text))
		if i >= 0 {
			s.from += i + len(text)
		}
		s.mu.Unlock()
		if i >= 0 {
			return true
		}
	}
	return false
}

func (s *screen) expect(t *testing.T, text string) {
	t.Helper()
	if !s.sees(text, 30*time.Second) {
		s.mu.Lock()
		defer s.mu.Unlock()
		t.Fatalf("the terminal does not show %q but %q", text, s.text)
	}
}

// TestHang: a guest that stands still is named while it does, and is not ended.
func TestHang(t *testing.T) {
	p := newPlace(t)
	require.NoError(t, p.arcbox("run", p.busybox(), "true").Run()) // the driver was probed and named
	cmd := p.arcbox("run", "-i", p.busybox(), "sh", "-c", "echo up; read x; echo $x")
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	errs, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	_, err = io.ReadFull(out, make([]byte, 3))
	require.NoError(t, err)
	var kernels []int
	for _, m := range family(cmd.Process.Pid) {
		if m.name == "linux" {
			kernels = append(kernels, m.pid)
		}
	}
	require.NotEmpty(t, kernels)
	require.NoError(t, syscall.Kill(kernels[0], syscall.SIGSTOP))
	lines := bufio.NewReader(errs)
	line, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Regexp(t, `^arcbox: the guest has not answered for \d+s and seems to hang`, line)
	require.NoError(t, syscall.Kill(kernels[0], syscall.SIGCONT))
	for !strings.Contains(line, "answers again") {
		line, err = lines.ReadString('\n')
		require.NoError(t, err)
	}
	_, err = io.WriteString(in, "went on\n")
	require.NoError(t, err)
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Equal(t, "went on\n", string(rest))
	require.NoError(t, cmd.Wait())
	p.requireNothingLeft()
}
