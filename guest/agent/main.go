// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"fmt"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"arcbox.dev/guest/agent/boot"
	"arcbox.dev/guest/agent/container"
	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/started"
	"arcbox.dev/guest/protocol"
)

const (
	stage       = "/run/arcbox"          // where containers are made
	settleAfter = 500 * time.Millisecond // from serving to the return of memory
	gcPercent   = 50                     // the heap is small, and the guest's memory is dear
)

// Service is what an agent serves besides, on a vsock port of its own.
type Service struct {
	Port uint32
	// Serve serves the host until the listener fails.
	Serve func(net.Listener) error
}

// Main is the agent's program, with the services that further return, which are called
// first of all. It does not return.
func Main(version string, further ...func() Service) {
	if os.Args[0] == container.InitName {
		container.Init()
	}
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "arcbox-agent: this is the init of an ArcBox guest; it runs as process 1 only")
		os.Exit(1)
	}
	started.Mark("main")
	var services []Service
	for _, service := range further {
		services = append(services, service())
	}
	port, err := bringUp()
	if err == nil {
		err = serve(version, port, services)
	}
	complain(err)
	complain(boot.PowerOff(false))
	select {} // an init that ends is a kernel panic
}

// bringUp does what has to come before serving, and returns the name of the console
// port to serve on, if it is not vsock.
func bringUp() (port string, err error) {
	complain(catchPowerButton()) // first, since until then the button reboots
	complain(boot.SettleRoot())
	if err := boot.MountProc(); err != nil {
		return "", err
	}
	complain(boot.LoadModules(boot.ModuleList))
	started.Mark("modules")
	return boot.Parameter(protocol.PortParameter)
}

// serve serves the host until that fails. What a ping does not need is done
// meanwhile.
func serve(version, port string, services []Service) error {
	prepared := make(chan struct{})
	a := New(Config{
		Version:  version,
		Reaper:   process.NewReaper(true),
		Host:     &container.Host{Program: "/proc/self/exe", Stage: stage, Cgroups: boot.CgroupRoot},
		Prepared: prepared,
		SetClock: setClock,
		Power:    power{},
	})
	if port == "" {
		return a.serveVsock(prepared, services)
	}
	a.prepare(prepared)
	return a.servePort(port)
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
	a.obeyPowerButton(context.Background(), inputDevices)
	time.AfterFunc(settleAfter, func() {
		debug.SetGCPercent(gcPercent)
		debug.FreeOSMemory()
	})
}

// complain writes to the console what went wrong and does not end the agent.
func complain(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "arcbox-agent:", err)
	}
}
