// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package vmproc

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

// The test binary is its own arcbox-vmm, with a VM that is made of Go alone.
func TestMain(m *testing.M) {
	if os.Args[0] == "arcbox-vmm" {
		fakeVMM()
		return
	}
	goleak.VerifyTestMain(m)
}

func fakeVMM() {
	settings, err := ReadSettings(os.NewFile(SettingsFD, "settings"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	conn, err := net.FileConn(os.NewFile(ControlFD, "control"))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	server := NewServer(conn.(*net.UnixConn))
	switch settings.Config.ID {
	case "refused":
		server.Refuse(errdefs.New(errdefs.ErrExhausted, "buy more", "there is no memory left"))
		return
	case "dies":
		fmt.Fprintln(os.Stderr, "panic: a bug\n\ngoroutine 1 [running]:")
		os.Exit(2)
	}
	vm := &fakeVM{server: server, settings: settings, done: make(chan struct{})}
	if settings.Config.ID == "dials" { // before it is there, as a driver does
		conn, err := server.Dial(context.Background(), settings.Config.Remotes[0].Socket)
		if err != nil {
			server.Refuse(err)
			return
		}
		fmt.Fprint(conn, "early")
		conn.Close()
	}
	server.Serve(vm)
	os.WriteFile(filepath.Join(settings.Config.Dir, "closed"), nil, 0o600)
	if settings.Profile != "" {
		os.WriteFile(filepath.Join(settings.Profile, "vmm"), nil, 0o600)
	}
}

// fakeVM echoes what is sent to port 7, and connects to the host when it is resumed.
type fakeVM struct {
	server   *Server
	settings Settings
	mu       sync.Mutex
	typed    bytes.Buffer
	listener *fakeListener
	done     chan struct{}
	exit     hypervisor.Exit
	ended    sync.Once
}

func (v *fakeVM) Start(context.Context) error { return nil }
func (v *fakeVM) Pause(context.Context) error {
	return errdefs.New(errdefs.ErrNotSupported, "do without", "this VM does not pause")
}

func (v *fakeVM) Resume(context.Context) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	a, b := pair()
	v.listener.c <- a
	go func() { fmt.Fprint(b, "from the guest"); b.Close() }()
	return nil
}

func (v *fakeVM) Stop(ctx context.Context) error {
	<-ctx.Done() // this guest ignores its power button
	return v.Kill()
}

func (v *fakeVM) Kill() error {
	v.ended.Do(func() {
		v.exit = hypervisor.Exit{Reason: hypervisor.ExitKilled, Detail: "as asked"}
		close(v.done)
	})
	return nil
}

func (v *fakeVM) Wait(ctx context.Context) (hypervisor.Exit, error) {
	select {
	case <-v.done:
		return v.exit, nil
	case <-ctx.Done():
		return hypervisor.Exit{}, ctx.Err()
	}
}

func (v *fakeVM) Dial(ctx context.Context, port uint32) (net.Conn, error) {
	switch port {
	case 7:
		a, b := pair()
		go func() { io.Copy(b, b); b.Close() }()
		return a, nil
	case 8:
		<-ctx.Done()
		return nil, ctx.Err()
	case 100, 101:
		return v.server.Dial(ctx, v.settings.Config.Remotes[port-100].Socket)
	case 102:
		return v.server.Dial(ctx, "/dev/log")
	}
	return nil, fmt.Errorf("connecting: %w", syscall.ECONNREFUSED)
}

func (v *fakeVM) Listen(port uint32) (net.Listener, error) {
	if port == 9 {
		return nil, errdefs.New(errdefs.ErrExists, "", "port 9 is taken")
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.listener = &fakeListener{c: make(chan net.Conn, 1), done: make(chan struct{})}
	return v.listener, nil
}

func (v *fakeVM) Console() (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("console text")), nil
}

// ConsoleInput is read back as the first mark's name; what has "end" in it ends it.
func (v *fakeVM) ConsoleInput() (io.WriteCloser, error) { return (*typedInput)(v), nil }

type typedInput fakeVM

func (v *typedInput) Write(p []byte) (int, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.typed.Write(p)
	if bytes.Contains(v.typed.Bytes(), []byte("end")) {
		return len(p), io.ErrClosedPipe
	}
	return len(p), nil
}
func (*typedInput) Close() error { return nil }

func (v *fakeVM) SetMemoryTarget(_ context.Context, n uint64) error {
	if n != 5<<30 {
		return fmt.Errorf("got %d", n)
	}
	return nil
}
func (v *fakeVM) Snapshot(_ context.Context, dir string) error { return os.WriteFile(dir, nil, 0o600) }
func (v *fakeVM) Stats(context.Context) (hypervisor.Stats, error) {
	v.mu.Lock()
	s := hypervisor.Stats{Marks: []events.Mark{{Name: "m" + v.typed.String(), At: 3}}}
	v.mu.Unlock()
	for i := range 20_000 { // more than a socket's buffer
		s.Processes = append(s.Processes, hypervisor.Process{PID: i, Role: "guest"})
	}
	return s, nil
}
func (v *fakeVM) Close() error { return nil }

type fakeListener struct {
	c    chan net.Conn
	done chan struct{}
}

func (l *fakeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.c:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *fakeListener) Close() error { close(l.done); return nil }
func (*fakeListener) Addr() net.Addr { return portAddr(0) }

func pair() (net.Conn, net.Conn) {
	conn, file, err := socketPair()
	if err != nil {
		panic(err)
	}
	other, err := net.FileConn(file)
	if err != nil {
		panic(err)
	}
	file.Close()
	return conn, other
}

func create(t *testing.T, id string) (hypervisor.VirtualMachine, string, error) {
	dir := t.TempDir()
	vm, err := (&Launcher{VMM: "/proc/self/exe", Driver: "fake"}).Create(within(t), hypervisor.Config{ID: id, Dir: dir})
	if err == nil {
		t.Cleanup(func() { vm.Close() })
	}
	return vm, dir, err
}

func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func TestRequests(t *testing.T) {
	vm, dir, err := create(t, "vm")
	require.NoError(t, err)
	require.NoError(t, vm.Start(within(t)))
	require.NoError(t, vm.SetMemoryTarget(within(t), 5<<30))
	require.NoError(t, vm.Snapshot(within(t), filepath.Join(dir, "snap")))
	require.FileExists(t, filepath.Join(dir, "snap"))
	err = vm.Pause(within(t))
	require.ErrorIs(t, err, errdefs.ErrNotSupported)
	require.EqualError(t, err, "this VM does not pause (do without)")
	stats, err := vm.Stats(within(t))
	require.NoError(t, err)
	require.Len(t, stats.Processes, 20_000)
	require.Equal(t, "m", stats.Marks[0].Name)
	console, err := vm.Console()
	require.NoError(t, err)
	text, err := io.ReadAll(console)
	require.NoError(t, err)
	require.Equal(t, "console text", string(text))
	require.NoError(t, console.Close())
}

// TestConnectionsAreDescriptors: bytes go between the caller and the VM without the socket.
func TestConnectionsAreDescriptors(t *testing.T) {
	vm, _, err := create(t, "vm")
	require.NoError(t, err)
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			conn, err := vm.Dial(within(t), 7)
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			want := bytes.Repeat([]byte{byte(i)}, 1<<20)
			go func() { conn.Write(want); conn.(*net.UnixConn).CloseWrite() }()
			got, err := io.ReadAll(conn)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d: %v, %d bytes", i, err, len(got))
			}
		})
	}
	all.Wait()
	_, err = vm.Dial(within(t), 1)
	require.ErrorIs(t, err, syscall.ECONNREFUSED)
	require.EqualError(t, err, "connecting: connection refused")
}

func TestListen(t *testing.T) {
	vm, _, err := create(t, "vm")
	require.NoError(t, err)
	_, err = vm.Listen(9)
	require.ErrorIs(t, err, errdefs.ErrExists)
	l, err := vm.Listen(10)
	require.NoError(t, err)
	_, err = vm.Listen(10)
	require.ErrorIs(t, err, errdefs.ErrExists)
	require.NoError(t, vm.Resume(within(t)))
	conn, err := l.Accept()
	require.NoError(t, err)
	text, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "from the guest", string(text))
	conn.Close()
	require.Equal(t, "host:10", l.Addr().String())
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
}

// TestCancel: a request whose context ends is given up on both sides.
func TestCancel(t *testing.T) {
	vm, _, err := create(t, "vm")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = vm.Dial(ctx, 8)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	ctx, cancel = context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	_, err = vm.Wait(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Empty(t, vm.(*process).pending)
}

func TestStopIsForcedWhenItsContextEnds(t *testing.T) {
	vm, _, err := create(t, "vm")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	require.NoError(t, vm.Stop(ctx))
	exit, err := vm.Wait(within(t))
	require.NoError(t, err)
	require.Equal(t, hypervisor.Exit{Reason: hypervisor.ExitKilled, Detail: "as asked"}, exit)
}

func TestRefused(t *testing.T) {
	_, _, err := create(t, "refused")
	require.ErrorIs(t, err, errdefs.ErrExhausted)
	require.EqualError(t, err, "there is no memory left (buy more)")
}

// TestVMMDies: a VMM that crashes costs one line, not a stack trace, and no one waits for ever.
func TestVMMDies(t *testing.T) {
	_, _, err := create(t, "dies")
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
	require.EqualError(t, err, "the VMM process ended (exit status 2): panic: a bug")

	_, err = (&Launcher{VMM: filepath.Join(t.TempDir(), "none")}).Create(within(t), hypervisor.Config{Dir: t.TempDir()})
	require.ErrorIs(t, err, errdefs.ErrNotFound)
}

func TestVMMIsKilled(t *testing.T) {
	vm, _, err := create(t, "vm")
	require.NoError(t, err)
	l, err := vm.Listen(10)
	require.NoError(t, err)
	dialed := make(chan error)
	go func() { _, err := vm.Dial(context.Background(), 8); dialed <- err }()
	time.Sleep(20 * time.Millisecond)
	require.NoError(t, vm.(*process).cmd.Process.Kill())
	require.ErrorIs(t, <-dialed, errdefs.ErrUnavailable)
	_, err = l.Accept()
	require.ErrorIs(t, err, net.ErrClosed)
	exit, err := vm.Wait(within(t))
	require.NoError(t, err)
	require.Equal(t, hypervisor.ExitCrash, exit.Reason)
	require.Contains(t, exit.Detail, "signal: killed")
	require.ErrorIs(t, vm.Pause(within(t)), errdefs.ErrUnavailable)
	_, err = vm.Listen(11)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
}

func TestCloseEndsTheProcess(t *testing.T) {
	vm, dir, err := create(t, "vm")
	require.NoError(t, err)
	require.NoError(t, vm.Close())
	require.FileExists(t, filepath.Join(dir, "closed"), "the VMM saw its owner go")
	require.NoError(t, vm.Close())
}

// TestProfileIsThereAfterClose: the VMM learns where its profiles go, and has written
// them when the VM is closed.
func TestProfileIsThereAfterClose(t *testing.T) {
	profiles := t.TempDir()
	vm, err := (&Launcher{VMM: "/proc/self/exe", Driver: "fake", Profile: profiles}).Create(within(t), hypervisor.Config{ID: "vm", Dir: t.TempDir()})
	require.NoError(t, err)
	require.NoError(t, vm.Close())
	require.FileExists(t, filepath.Join(profiles, "vmm"))
}

// TestForeignFrames: what is not a frame ends the connection and nothing else.
func TestForeignFrames(t *testing.T) {
	for name, data := range map[string]string{
		"too long":     "\xff\xff\xff\xff",
		"not JSON":     "\x03\x00\x00\x00abc",
		"cut off":      "\x10\x00\x00\x00{",
		"half a frame": "\x10",
	} {
		t.Run(name, func(t *testing.T) {
			a, b := pair()
			defer a.Close()
			go func() { b.Write([]byte(data)); b.Close() }()
			_, _, err := (&wire{conn: a.(*net.UnixConn)}).receive()
			require.Error(t, err)
		})
	}
}
