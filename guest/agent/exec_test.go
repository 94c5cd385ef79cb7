// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/client"
)

// result is what a process left behind.
type result struct {
	stdout, stderr string
	client.Status
}

// run runs a process to its end.
func run(t *testing.T, c guest, cfg client.ExecConfig) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cfg.Stdout, cfg.Stderr = &stdout, &stderr
	p, err := c.Start(soon(t), cfg)
	require.NoError(t, err)
	require.Positive(t, p.PID())
	status, err := p.Wait(soon(t))
	require.NoError(t, err)
	return result{stdout.String(), stderr.String(), status}
}

// shell is a process that runs a script.
func shell(script string) client.ExecConfig {
	return client.ExecConfig{Args: []string{"/bin/sh", "-c", script}}
}

func TestExec(t *testing.T) {
	c := startAgent(t).connect(t)
	dir := t.TempDir()
	for _, tt := range []struct {
		name string
		cfg  client.ExecConfig
		want result
	}{
		{"nothing", client.ExecConfig{Args: []string{"true"}}, result{}},
		{"output", shell("echo out; echo err >&2"), result{"out\n", "err\n", client.Status{}}},
		{"input", client.ExecConfig{Args: []string{"cat"}, Stdin: strings.NewReader("hello")}, result{stdout: "hello"}},
		{"empty input", client.ExecConfig{Args: []string{"cat"}, Stdin: strings.NewReader("")}, result{}},
		{"no input", client.ExecConfig{Args: []string{"cat"}}, result{}},
		{"code", shell("exit 42"), result{Status: client.Status{Code: 42}}},
		{"code 255", shell("exit 255"), result{Status: client.Status{Code: 255}}},
		{"signal", shell("kill -TERM $$"), result{Status: client.Status{Signal: 15}}},
		{"killed", shell("kill -9 $$"), result{Status: client.Status{Signal: 9}}},
		{"environment", client.ExecConfig{Args: []string{"env"}, Env: []string{"A=1", "PATH=/bin:/usr/bin", "HOME=/x"}}, result{stdout: "A=1\nPATH=/bin:/usr/bin\nHOME=/x\n"}},
		{"default environment", client.ExecConfig{Args: []string{"env"}, Env: []string{"B=a=b"}, User: "12345"},
			result{stdout: "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nHOME=/\nB=a=b\n"}},
		{"bytes that are no text", client.ExecConfig{Args: []string{"printf", "%s%s", "\xff\xfe", "\x80"}}, result{stdout: "\xff\xfe\x80"}},
		{"folder", client.ExecConfig{Args: []string{"pwd"}, Dir: dir}, result{stdout: dir + "\n"}},
		{"default folder", client.ExecConfig{Args: []string{"pwd"}}, result{stdout: "/\n"}},
		{"own session", shell(`[ "$(ps -o sid= -p $$)" -eq $$ ] && echo yes`), result{stdout: "yes\n"}},
		{"no more descriptors", shell("ls /proc/self/fd"), result{stdout: "0\n1\n2\n3\n"}}, // 3 is the folder
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.cfg.User != "" {
				needRoot(t)
			}
			require.Equal(t, tt.want, run(t, c, tt.cfg))
		})
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root: changes users, or makes containers")
	}
}

func TestExecErrors(t *testing.T) {
	c := startAgent(t).connect(t)
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		return path
	}
	for _, tt := range []struct {
		name string
		cfg  client.ExecConfig
		kind error
		text string
	}{
		{"no command", client.ExecConfig{}, client.ErrInvalid, "no command"},
		{"empty command", client.ExecConfig{Args: []string{""}}, client.ErrInvalid, "no command"},
		{"not in PATH", client.ExecConfig{Args: []string{"no-such-command"}}, client.ErrCommandNotFound, `exec "no-such-command": executable file not found in $PATH`},
		{"not there", client.ExecConfig{Args: []string{"/no/such/command"}}, client.ErrCommandNotFound, `exec "/no/such/command": no such file or directory`},
		{"below a file", client.ExecConfig{Args: []string{"/etc/passwd/x"}}, client.ErrCommandNotFound, "not a directory"},
		{"no interpreter", client.ExecConfig{Args: []string{write("script", "#!/no/such/interpreter\n", 0o755)}}, client.ErrCommandNotFound, "no such file"},
		{"not executable", client.ExecConfig{Args: []string{write("plain", "#!/bin/sh\n", 0o644)}}, client.ErrNotExecutable, "permission denied"},
		{"not executable in PATH", client.ExecConfig{Args: []string{"plain"}, Env: []string{"PATH=/x:" + dir}}, client.ErrNotExecutable, "permission denied"},
		{"no format", client.ExecConfig{Args: []string{write("junk", "junk", 0o755)}}, client.ErrNotExecutable, "exec format error"},
		{"folder", client.ExecConfig{Args: []string{dir}}, client.ErrNotExecutable, "permission denied"},
		{"too long", client.ExecConfig{Args: []string{"/bin/true", strings.Repeat("x", 1<<20)}}, client.ErrNotExecutable, "argument list too long"},
		{"zero byte", client.ExecConfig{Args: []string{"true", "a\x00b"}}, client.ErrInvalid, "byte of 0"},
		{"folder is not there", client.ExecConfig{Args: []string{"true"}, Dir: "/no/such"}, client.ErrInvalid, `working directory "/no/such" is not there`},
		{"unknown user", client.ExecConfig{Args: []string{"true"}, User: "no-such-user"}, client.ErrInvalid, `user "no-such-user": unable to find user`},
		{"unknown group", client.ExecConfig{Args: []string{"true"}, User: "0:no-such-group"}, client.ErrInvalid, "unable to find group"},
		{"negative user", client.ExecConfig{Args: []string{"true"}, User: "-5"}, client.ErrInvalid, "user"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.cfg.Stdout = io.Discard
			p, err := c.Start(soon(t), tt.cfg)
			require.Nil(t, p)
			require.ErrorIs(t, err, tt.kind)
			require.ErrorContains(t, err, tt.text)
		})
	}
}

func TestUser(t *testing.T) {
	needRoot(t)
	c := startAgent(t).connect(t)
	for _, tt := range []struct{ user, want string }{
		{"", "uid=0(root) gid=0(root) groups=0(root)"},
		{"daemon", "uid=1(daemon) gid=1(daemon) groups=1(daemon)"},
		{"1:2", "uid=1(daemon) gid=2(bin) groups=2(bin)"},
		{"54321", "uid=54321 gid=0(root) groups=0(root)"},
		{"54321:tty", "uid=54321 gid=5(tty) groups=5(tty)"},
	} {
		t.Run(tt.user, func(t *testing.T) {
			cfg := client.ExecConfig{Args: []string{"id"}, User: tt.user}
			require.Equal(t, result{stdout: tt.want + "\n"}, run(t, c, cfg))
			cfg.Args = []string{"/bin/sh", "-c", "echo again > /dev/stdout"} // a pipe is opened by its owner
			require.Equal(t, result{stdout: "again\n"}, run(t, c, cfg))
		})
	}
}

func TestSameWriter(t *testing.T) {
	c := startAgent(t).connect(t)
	var both bytes.Buffer // is not safe for two goroutines
	cfg := shell("for i in $(seq 100); do echo o; echo e >&2; done")
	cfg.Stdout, cfg.Stderr = &both, &both
	p, err := c.Start(soon(t), cfg)
	require.NoError(t, err)
	_, err = p.Wait(soon(t))
	require.NoError(t, err)
	require.Equal(t, 100, strings.Count(both.String(), "o\n"))
	require.Equal(t, 100, strings.Count(both.String(), "e\n"))
}

// TestConversation needs input and output to flow while the process runs, and the
// end of the input to arrive.
func TestConversation(t *testing.T) {
	c := startAgent(t).connect(t)
	inR, inW := io.Pipe()
	outR, outW := io.Pipe()
	p, err := c.Start(soon(t), client.ExecConfig{Args: []string{"cat"}, Stdin: inR, Stdout: outW})
	require.NoError(t, err)
	buf := make([]byte, 16)
	for i := range 5 {
		fmt.Fprintf(inW, "line %d\n", i)
		n, err := io.ReadAtLeast(outR, buf, 7)
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("line %d\n", i), string(buf[:n]))
	}
	require.NoError(t, inW.Close())
	status, err := p.Wait(soon(t))
	require.NoError(t, err)
	require.Zero(t, status)
}

// TestReaderGoesAway breaks the pipe of a process that writes for ever.
func TestReaderGoesAway(t *testing.T) {
	c := startAgent(t).connect(t)
	p, err := c.Start(soon(t), client.ExecConfig{Args: []string{"yes"}, Stdout: failingWriter{}})
	require.NoError(t, err)
	status, err := p.Wait(soon(t))
	require.ErrorIs(t, err, client.ErrOutput)
	require.ErrorIs(t, err, errFull)
	require.Equal(t, client.Status{Signal: int(unix.SIGPIPE)}, status)
	require.Equal(t, 141, status.ExitCode())
}

var errFull = errors.New("full")

type failingWriter struct{}

func (failingWriter) Write([]byte) (int, error) { return 0, errFull }

// TestInputNotRead has a process end before its input does.
func TestInputNotRead(t *testing.T) {
	c := startAgent(t).connect(t)
	r, w := io.Pipe()
	cfg := shell("exec <&-; echo closed; sleep 0.1")
	var out bytes.Buffer
	cfg.Stdin, cfg.Stdout = r, &out
	p, err := c.Start(soon(t), cfg)
	require.NoError(t, err)
	status, err := p.Wait(soon(t))
	require.NoError(t, err)
	require.Zero(t, status)
	require.Equal(t, "closed\n", out.String())
	w.Close()
}

// TestLeftBehind ends a process that leaves others with its output open.
func TestLeftBehind(t *testing.T) {
	c := startAgent(t).connect(t)
	for _, tt := range []struct{ name, script string }{
		{"silent", "sleep 30 & echo $!"},
		{"writing", "(while :; do echo; sleep 0.01; done) & echo $!"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			begin := time.Now()
			got := run(t, c, shell(tt.script))
			require.Less(t, time.Since(begin), 10*time.Second)
			var pid int
			_, err := fmt.Sscan(got.stdout, &pid)
			require.NoError(t, err)
			unix.Kill(pid, unix.SIGKILL)
			require.Zero(t, got.Status)
		})
	}
}

// TestSlowReader reads what a process wrote long after its end.
func TestSlowReader(t *testing.T) {
	c := startAgent(t).connect(t)
	r, w := io.Pipe()
	cfg := shell("sleep 30 & head -c 300000 /dev/zero")
	cfg.Stdout = w
	p, err := c.Start(soon(t), cfg)
	require.NoError(t, err)
	time.Sleep(2 * time.Second) // longer than the agent waits for those left behind
	go func() {
		p.Wait(context.Background())
		w.Close()
	}()
	n, err := io.Copy(io.Discard, r)
	require.NoError(t, err)
	require.EqualValues(t, 300000, n)
	status, err := p.Wait(soon(t))
	require.NoError(t, err)
	require.Zero(t, status)
}

func TestSignal(t *testing.T) {
	c := startAgent(t).connect(t)
	p, err := c.Start(soon(t), client.ExecConfig{Args: []string{"sleep", "100"}})
	require.NoError(t, err)
	require.NoError(t, p.Signal(soon(t), 0), "asks whether it lives")
	require.ErrorIs(t, p.Signal(soon(t), 65), client.ErrInvalid)
	require.ErrorIs(t, p.Signal(soon(t), -1), client.ErrInvalid)
	require.ErrorIs(t, p.Resize(soon(t), 80, 24), client.ErrInvalid, "has no terminal")

	short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	_, err = p.Wait(short)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, p.Signal(soon(t), int(unix.SIGUSR1)))
	for range 2 { // asking again is no harm
		status, err := p.Wait(soon(t))
		require.NoError(t, err)
		require.Equal(t, client.Status{Signal: int(unix.SIGUSR1)}, status)
	}
	require.ErrorIs(t, p.Signal(soon(t), 9), client.ErrNoProcess)
}

func TestManyProcesses(t *testing.T) {
	c := startAgent(t).connect(t)
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			var out bytes.Buffer
			cfg := shell(fmt.Sprintf("cat; exit %d", i))
			cfg.Stdin, cfg.Stdout = strings.NewReader(fmt.Sprint("input ", i)), &out
			p, err := c.Start(soon(t), cfg)
			if err != nil {
				t.Errorf("process %d: %v", i, err)
				return
			}
			status, err := p.Wait(soon(t))
			if err != nil || status.Code != i || out.String() != fmt.Sprint("input ", i) {
				t.Errorf("process %d: got %v, %q, %v", i, status, out.String(), err)
			}
		})
	}
	all.Wait()
}

// TestAgentGone ends what waits when the agent goes away.
func TestAgentGone(t *testing.T) {
	h := startAgent(t)
	c := h.connect(t)
	var out bytes.Buffer
	p, err := c.Start(soon(t), client.ExecConfig{Args: []string{"sleep", "100"}, Stdout: &out})
	require.NoError(t, err)
	defer unix.Kill(p.PID(), unix.SIGKILL)
	h.agent.Close()
	_, err = p.Wait(soon(t))
	require.ErrorIs(t, err, client.ErrGone)
	_, err = c.Info(soon(t))
	require.ErrorIs(t, err, client.ErrGone)
	_, err = c.Start(soon(t), client.ExecConfig{Args: []string{"true"}})
	require.ErrorIs(t, err, client.ErrGone)
}
