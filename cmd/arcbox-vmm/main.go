// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Command arcbox-vmm is the VMM process: one a VM. The runtime starts it with the
// VM's configuration on a pipe and a control socket; it creates the VM, answers
// requests about it, and ends it and itself when the socket closes.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/kvm"
	"arcbox.dev/runtime/hypervisor/uml"
	"arcbox.dev/runtime/vmproc"
)

func main() {
	// A profile of allocations costs memory; startProfile turns it on where it is wanted.
	runtime.MemProfileRate = 0
	if os.Args[0] == uml.JailName {
		uml.Jailed()
	}
	var err error
	switch {
	case len(os.Args) == 3 && os.Args[1] == "probe":
		err = probe(os.Args[2])
	case len(os.Args) == 2:
		err = serve()
	default:
		err = fmt.Errorf("arcbox-vmm is started by arcbox, not by hand")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "arcbox-vmm:", err)
		os.Exit(1)
	}
}

// dialer connects to the sockets of devices that other processes serve.
type dialer func(ctx context.Context, path string) (*net.UnixConn, error)

// confiner is a VM that locks this process in: it needs no more of the host than it
// has opened. namespaces says whether the process has some of its own.
type confiner interface {
	Confine(namespaces bool) error
}

// driver returns the named driver. This is the one place that knows them all.
func driver(name string, log *slog.Logger, dial dialer) (hypervisor.Hypervisor, error) {
	switch name {
	case "uml":
		return &uml.Hypervisor{Log: log, Find: findUML, Jail: uml.Confinement(os.Getenv("ARCBOX_UML_JAIL"))}, nil
	case "kvm":
		return &kvm.Hypervisor{Log: log, Dial: dial}, nil
	}
	return nil, errdefs.New(errdefs.ErrInvalid, "", "arcbox-vmm has no driver %q", name)
}

// findUML names the kernel that the uml driver would boot.
func findUML() (string, error) {
	k, err := kernel.Find(kernel.Options{Flavour: kernel.UML})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Linux %s (%s, %s)", k.Release, k.Origin, k.Path), nil
}

func probe(name string) error {
	d, err := driver(name, nil, nil)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(d.Probe(context.Background()))
}

func serve() error {
	settings, err := vmproc.ReadSettings(os.NewFile(vmproc.SettingsFD, "settings"))
	if err != nil {
		return err
	}
	file := os.NewFile(vmproc.ControlFD, "control")
	conn, err := net.FileConn(file)
	if err != nil {
		return fmt.Errorf("opening the control socket: %w", err)
	}
	file.Close()
	control, ok := conn.(*net.UnixConn)
	if !ok {
		return fmt.Errorf("the control socket is a %T", conn)
	}
	server := vmproc.NewServer(control)
	// The folder is the VM's: it goes with the VM, whoever made it and whatever became
	// of them. A process that is locked in does not reach it, and leaves it to its owner.
	defer os.RemoveAll(settings.Config.Dir)

	level := slog.LevelWarn
	if settings.Debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: level}))
	stopProfile, err := startProfile(settings)
	if err != nil {
		return server.Refuse(err)
	}
	vm, err := create(settings, log, server.Dial)
	if err != nil {
		return errors.Join(server.Refuse(err), stopProfile())
	}
	err = server.Serve(vm)
	return errors.Join(err, vm.Close(), stopProfile())
}

// create makes the VM and locks this process in, where the driver can.
func create(settings vmproc.Settings, log *slog.Logger, dial dialer) (hypervisor.VirtualMachine, error) {
	d, err := driver(settings.Driver, log, dial)
	if err != nil {
		return nil, err
	}
	vm, err := d.Create(context.Background(), settings.Config)
	if err != nil {
		return nil, err
	}
	if c, ok := vm.(confiner); ok {
		if err := c.Confine(settings.Namespaces); err != nil {
			return nil, errors.Join(fmt.Errorf("locking the VMM process in: %w", err), vm.Close())
		}
	}
	return vm, nil
}
