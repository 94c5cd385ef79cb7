// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/mdlayher/vsock"
	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/boot"
	"arcbox.dev/guest/agent/container"
	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/started"
	"arcbox.dev/guest/protocol"
)

const (
	stage       = "/run/arcbox"          // where containers are made
	buttonGrace = 5 * time.Second        // for processes, when the power button is pressed
	readyWait   = 5 * time.Second        // for the host to take the ready record
	settleAfter = 500 * time.Millisecond // from serving to the return of memory
	gcPercent   = 50                     // the heap is small, and the guest's memory is dear
)

// Main is the agent's program. It does not return.
func Main(version string) {
	if os.Args[0] == container.InitName {
		container.Init()
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "arcbox-agent: this is the init of an ArcBox guest; it runs as process 1 only")
		os.Exit(1)
	}
	started.Mark("main")
	if err := run(version); err != nil {
		complain(err)
	}
	boot.PowerOff(false)
	select {} // an init that ends is a kernel panic
}

// run brings the guest up and serves. What a ping does not need comes after the
// host has been told.
func run(version string) error {
	complain(boot.SettleRoot())
	if err := boot.MountProc(); err != nil {
		return err
	}
	complain(boot.LoadModules(boot.ModuleList))
	started.Mark("modules")
	port, err := boot.Parameter(protocol.PortParameter)
	if err != nil {
		return err
	}
	prepared := make(chan struct{})
	a := New(Config{
		Version:  version,
		Reaper:   process.NewReaper(true),
		Host:     &container.Host{Program: "/proc/self/exe", Stage: stage, Cgroups: boot.CgroupRoot},
		Prepared: prepared,
		SetClock: setClock,
		Power:    power{},
	})
	if port != "" {
		a.prepare(prepared)
		return a.servePort(port)
	}
	return a.serveVsock(prepared)
}

// serveVsock tells the host as soon as it can connect, and gets ready to answer
// while the host does.
func (a *Agent) serveVsock(prepared chan<- struct{}) error {
	calls, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, protocol.RPCPort, nil)
	if err != nil {
		return fmt.Errorf("listening for calls: %w", err)
	}
	started.Mark("listening")
	complain(a.sayReady())
	started.Mark("ready")
	bytes, err := vsock.ListenContextID(unix.VMADDR_CID_ANY, protocol.StreamPort, nil)
	if err != nil {
		return fmt.Errorf("listening for streams: %w", err)
	}
	failed := make(chan error, 2)
	go func() { failed <- a.ServeCalls(hostOnly{calls}) }()
	go func() { failed <- a.ServeStreams(hostOnly{bytes}) }()
	a.prepare(prepared)
	return <-failed
}

// hostOnly accepts connections from the host. With the kernel's loopback transport
// a process of the guest could connect too.
type hostOnly struct {
	*vsock.Listener
}

func (l hostOnly) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if addr, ok := conn.RemoteAddr().(*vsock.Addr); ok && addr.ContextID == protocol.HostCID {
			return conn, nil
		}
		conn.Close()
	}
}

// sayReady tells the host that the agent serves. A host that does not listen does
// not want to know.
func (a *Agent) sayReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), readyWait)
	defer cancel()
	conn, err := vsock.DialContext(ctx, protocol.HostCID, protocol.ReadyPort, nil)
	if errors.Is(err, unix.ECONNRESET) || errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("telling the host: %w", err)
	}
	defer conn.Close()
	record := protocol.Ready{Version: protocol.Version, AgentVersion: a.Version, SinceStart: started.Since()}
	_, err = conn.Write(record.Append(nil))
	return err
}

// servePort serves calls on a console port; the host finds out by itself.
func (a *Agent) servePort(name string) error {
	path, err := boot.FindPort(name)
	if err != nil {
		return err
	}
	return a.ServeCalls(boot.ListenPort(path))
}

// prepare does what processes need, and what nobody waits for.
func (a *Agent) prepare(done chan<- struct{}) {
	// One more than the guest has, so that a blocked system call holds up nobody.
	runtime.GOMAXPROCS(runtime.NumCPU() + 1)
	complain(boot.MountFilesystems())
	if err := os.MkdirAll(stage, 0o700); err != nil {
		complain(fmt.Errorf("making %s: %w", stage, err))
	}
	complain(boot.RaiseLoopback())
	complain(boot.SetLimits())
	started.Mark("prepared")
	close(done)
	a.catchPowerButton()
	time.AfterFunc(settleAfter, func() {
		debug.SetGCPercent(gcPercent)
		debug.FreeOSMemory()
	})
}

// catchPowerButton has the guest shut down in good order when the host presses it.
func (a *Agent) catchPowerButton() {
	pressed := make(chan os.Signal, 1)
	signal.Notify(pressed, unix.SIGINT, unix.SIGPWR)
	complain(boot.CatchPowerButton())
	go func() {
		<-pressed
		complain(a.end(buttonGrace, false))
	}()
}

// power is the guest's own.
type power struct{}

func (power) Kill(sig unix.Signal) { unix.Kill(-1, sig) }

func (power) Off(reboot bool) error { return boot.PowerOff(reboot) }

func setClock(t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	return unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
}

// complain writes to the console what went wrong and does not end the agent.
func complain(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "arcbox-agent:", err)
	}
}
