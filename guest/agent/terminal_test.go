// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent_test

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/client"
)

// screen keeps what a terminal shows.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.text.String(), "\r\n", "\n")
}

// shows waits for a text to appear.
func (s *screen) shows(t *testing.T, text string) {
	t.Helper()
	require.Eventually(t, func() bool { return strings.Contains(s.String(), text) }, 10*time.Second, time.Millisecond,
		"the terminal does not show %q", text)
}

// session is a process on a terminal.
type session struct {
	*client.Process
	screen   screen
	keyboard *io.PipeWriter
}

func startSession(t *testing.T, c guest, cfg client.ExecConfig) *session {
	t.Helper()
	r, w := io.Pipe()
	t.Cleanup(func() { w.Close() })
	s := &session{keyboard: w}
	cfg.Terminal = &client.Size{Columns: 80, Rows: 24}
	cfg.Stdin, cfg.Stdout = r, &s.screen
	var err error
	s.Process, err = c.Start(soon(t), cfg)
	require.NoError(t, err)
	return s
}

func (s *session) types(t *testing.T, text string) {
	t.Helper()
	_, err := io.WriteString(s.keyboard, text)
	require.NoError(t, err)
}

func (s *session) ends(t *testing.T, want client.Status) {
	t.Helper()
	status, err := s.Wait(soon(t))
	require.NoError(t, err)
	require.Equal(t, want, status)
}

func TestTerminal(t *testing.T) {
	c := startAgent(t).connect(t)
	checkTerminal(t, c, client.ExecConfig{})
}

// checkTerminal tries all that a terminal does on processes like cfg.
func checkTerminal(t *testing.T, c guest, cfg client.ExecConfig) {
	script := func(text string) client.ExecConfig {
		cfg.Args = []string{"/bin/sh", "-c", text}
		if cfg.Container != nil {
			again := *cfg.Container
			again.ID += "x"
			cfg.Container = &again
		}
		return cfg
	}
	t.Run("size", func(t *testing.T) {
		s := startSession(t, c, script(`stty size; trap "stty size; exit 3" WINCH; echo set; while :; do sleep 0.01; done`))
		s.screen.shows(t, "24 80\nset\n")
		require.NoError(t, s.Resize(soon(t), 132, 50))
		s.screen.shows(t, "50 132\n")
		s.ends(t, client.Status{Code: 3})
	})
	t.Run("line", func(t *testing.T) {
		s := startSession(t, c, script(`read line; echo "got $line"; test -t 0 && test -t 1 && test -t 2 && exit 5`))
		s.types(t, "hello\n")
		s.screen.shows(t, "hello\ngot hello\n") // the first by the terminal's echo
		s.ends(t, client.Status{Code: 5})
	})
	t.Run("interrupt", func(t *testing.T) {
		s := startSession(t, c, script(`trap "echo interrupted; exit 6" INT; echo ready; while :; do sleep 0.01; done`))
		s.screen.shows(t, "ready")
		s.types(t, "\x03")
		s.ends(t, client.Status{Code: 6})
		require.Contains(t, s.screen.String(), "interrupted")
	})
	t.Run("end of input", func(t *testing.T) {
		s := startSession(t, c, script(`cat; echo over`))
		s.types(t, "one\n")
		s.screen.shows(t, "one\none\n")
		require.NoError(t, s.keyboard.Close())
		s.ends(t, client.Status{})
		require.Contains(t, s.screen.String(), "over\n")
	})
	t.Run("kill", func(t *testing.T) {
		s := startSession(t, c, script(`echo ready; sleep 100`))
		s.screen.shows(t, "ready")
		require.NoError(t, s.Signal(soon(t), int(unix.SIGKILL)))
		s.ends(t, client.Status{Signal: 9})
	})
	t.Run("much", func(t *testing.T) {
		s := startSession(t, c, script(`i=0; while [ $i -lt 5000 ]; do echo "line $i"; i=$((i+1)); done`))
		s.ends(t, client.Status{})
		lines := strings.Split(s.screen.String(), "\n")
		require.Len(t, lines, 5001)
		require.Equal(t, "line 4999", lines[4999])
	})
	t.Run("environment", func(t *testing.T) {
		s := startSession(t, c, script(`echo "TERM=$TERM"; ps >/dev/null; tty`))
		s.ends(t, client.Status{})
		require.Contains(t, s.screen.String(), "TERM=xterm\n")
		require.Contains(t, s.screen.String(), "/dev/pts/")
	})
}

// TestTerminalUnseen has a terminal that nobody looks at not hold up its process.
func TestTerminalUnseen(t *testing.T) {
	c := startAgent(t).connect(t)
	cfg := shell("head -c 1000000 /dev/zero; exit 7")
	cfg.Terminal = &client.Size{}
	p, err := c.Start(soon(t), cfg)
	require.NoError(t, err)
	status, err := p.Wait(soon(t))
	require.NoError(t, err)
	require.Equal(t, client.Status{Code: 7}, status)
}
