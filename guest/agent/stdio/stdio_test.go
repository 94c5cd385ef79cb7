// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package stdio

import (
	"bytes"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/streams"
	"arcbox.dev/guest/protocol"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a connection's two sides: the host's and the agent's.
func pair(t *testing.T) (host, agent *net.UnixConn) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(t, err)
	var conns [2]*net.UnixConn
	for i, fd := range fds {
		f := os.NewFile(uintptr(fd), "pair")
		c, err := net.FileConn(f)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		t.Cleanup(func() { c.Close() })
		conns[i] = c.(*net.UnixConn)
	}
	return conns[0], conns[1]
}

// process plays a process: it has copies of its descriptors, as after a fork.
func process(t *testing.T, s *Stdio) [3]*os.File {
	t.Helper()
	var files [3]*os.File
	for i, f := range s.Files() {
		fd, err := unix.Dup(int(f.Fd()))
		require.NoError(t, err)
		files[i] = os.NewFile(uintptr(fd), "process")
		t.Cleanup(func() { files[i].Close() })
	}
	return files
}

func TestPipes(t *testing.T) {
	in, inAgent := pair(t)
	out, outAgent := pair(t)
	s, err := NewPipes(streams.Set{protocol.Stdin: inAgent, protocol.Stdout: outAgent})
	require.NoError(t, err)
	p := process(t, s)
	s.Started()

	_, err = in.Write([]byte("input"))
	require.NoError(t, err)
	require.NoError(t, in.CloseWrite())
	got, err := io.ReadAll(p[0])
	require.NoError(t, err)
	require.Equal(t, "input", string(got))

	_, err = p[1].WriteString("output")
	require.NoError(t, err)
	_, err = p[2].WriteString("to nowhere")
	require.NoError(t, err)
	require.NoError(t, p[1].Close())
	got, err = io.ReadAll(out)
	require.NoError(t, err)
	require.Equal(t, "output", string(got))
	require.Equal(t, Counts{Stdout: 6}, s.Finish())
	require.Error(t, s.Resize(80, 24), "there is no terminal")
}

func TestNull(t *testing.T) {
	s, err := NewPipes(nil)
	require.NoError(t, err)
	p := process(t, s)
	s.Started()
	n, err := p[0].Read(make([]byte, 1))
	require.Zero(t, n)
	require.ErrorIs(t, err, io.EOF)
	require.Zero(t, s.Finish())
}

// TestFinishCutsOff ends the output of a process that left a writer behind, after
// what it had written itself.
func TestFinishCutsOff(t *testing.T) {
	host, agent := pair(t)
	s, err := NewPipes(streams.Set{protocol.Stdout: agent})
	require.NoError(t, err)
	p := process(t, s)
	s.Started()
	written := bytes.Repeat([]byte("x"), copySize) // a pipe full, and more in the socket
	go func() {
		p[1].Write(written)
		p[1].Write(written)
	}()
	read := make(chan int)
	go func() {
		time.Sleep(Linger + 200*time.Millisecond) // the host is slow
		got, _ := io.ReadAll(host)
		read <- len(got)
	}()
	begin := time.Now()
	counts := s.Finish() // p[1] stays open
	require.GreaterOrEqual(t, time.Since(begin), Linger)
	require.EqualValues(t, 2*copySize, counts.Stdout)
	require.Equal(t, 2*copySize, <-read)
}

// TestHostGone breaks the process's pipe.
func TestHostGone(t *testing.T) {
	host, agent := pair(t)
	s, err := NewPipes(streams.Set{protocol.Stderr: agent})
	require.NoError(t, err)
	p := process(t, s)
	s.Started()
	require.NoError(t, host.Close())
	require.Eventually(t, func() bool {
		_, err := p[2].Write([]byte("x"))
		return err != nil
	}, 5*time.Second, time.Millisecond)
	s.Finish()
}

// TestProcessClosesInput has the host's writes fail.
func TestProcessClosesInput(t *testing.T) {
	host, agent := pair(t)
	s, err := NewPipes(streams.Set{protocol.Stdin: agent})
	require.NoError(t, err)
	p := process(t, s)
	s.Started()
	require.NoError(t, p[0].Close())
	require.Eventually(t, func() bool {
		_, err := host.Write([]byte("x"))
		return err != nil
	}, 5*time.Second, time.Millisecond)
	s.Finish()
}

func TestTerminal(t *testing.T) {
	host, agent := pair(t)
	s, err := NewPipes(streams.Set{protocol.Terminal: agent})
	require.NoError(t, err)
	master, slave, err := OpenTerminal("/dev/ptmx")
	require.NoError(t, err)
	require.NoError(t, SetSize(master, 100, 30))
	s.UseTerminal(master, slave)
	p := process(t, s)
	s.Started()
	size, err := unix.IoctlGetWinsize(int(p[0].Fd()), unix.TIOCGWINSZ)
	require.NoError(t, err)
	require.Equal(t, unix.Winsize{Row: 30, Col: 100}, *size)
	require.NoError(t, s.Resize(80, 25))

	_, err = host.Write([]byte("line\n"))
	require.NoError(t, err)
	buf := make([]byte, 64)
	n, err := p[0].Read(buf)
	require.NoError(t, err)
	require.Equal(t, "line\n", string(buf[:n]))
	require.NoError(t, host.CloseWrite())
	n, err = p[0].Read(buf)
	require.Zero(t, n, "the character for the end of input was typed")
	require.ErrorIs(t, err, io.EOF)

	_, err = p[1].WriteString("shown")
	require.NoError(t, err)
	for _, f := range p {
		require.NoError(t, f.Close())
	}
	counts := s.Finish()
	got, err := io.ReadAll(host)
	require.NoError(t, err)
	require.Equal(t, "line\r\nshown", string(got)) // the first by echo
	require.EqualValues(t, len(got), counts.Stdout)
}

func TestOpenTerminalErrors(t *testing.T) {
	_, _, err := OpenTerminal("/no/such/ptmx")
	require.ErrorIs(t, err, unix.ENOENT)
	_, _, err = OpenTerminal("/dev/null")
	require.ErrorContains(t, err, "unlocking terminal")
}

// TestOwn changes the owner of pipes and terminals, and of nothing else.
func TestOwn(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: changes owners")
	}
	_, agent := pair(t)
	s, err := NewPipes(streams.Set{protocol.Stdout: agent})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Own(12345))
	for i, want := range []uint32{0, 12345, 0} {
		var st unix.Stat_t
		require.NoError(t, unix.Fstat(int(s.Files()[i].Fd()), &st))
		require.Equal(t, want, st.Uid, i)
	}
	require.ErrorIs(t, Own(-1, 1), unix.EBADF)
}

func BenchmarkOutput(b *testing.B) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		b.Fatal(err)
	}
	f := os.NewFile(uintptr(fds[0]), "agent")
	conn, err := net.FileConn(f)
	if err != nil {
		b.Fatal(err)
	}
	f.Close()
	host := os.NewFile(uintptr(fds[1]), "host")
	defer host.Close()
	go io.Copy(io.Discard, host)
	r, w, err := os.Pipe()
	if err != nil {
		b.Fatal(err)
	}
	o := newOutput(conn, r)
	done := make(chan struct{})
	go func() {
		o.copy()
		close(done)
	}()
	buf := make([]byte, copySize)
	b.SetBytes(copySize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := w.Write(buf); err != nil {
			b.Fatal(err)
		}
	}
	w.Close()
	<-done
}
