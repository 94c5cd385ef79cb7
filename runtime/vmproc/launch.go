// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package vmproc

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"golang.org/x/sys/unix"
)

// Descriptors that arcbox-vmm inherits beside 0 to 2.
const (
	SettingsFD = 3 // the configuration, a pipe
	ControlFD  = 4 // the control socket
)

// Launcher is a driver whose VMs run in arcbox-vmm processes.
type Launcher struct {
	VMM    string // path of arcbox-vmm
	Driver string // the driver it is to use
	Debug  bool   // have arcbox-vmm log details
	// Profile is a folder in which each arcbox-vmm leaves profiles of itself when its
	// VM has ended, in files vmm-ID.KIND.pprof; empty for none.
	Profile string
	// Namespaces starts each arcbox-vmm in mount, network and IPC namespaces of its
	// own (for an ordinary user in a user namespace), where the host allows it. Its
	// log says so where the host does not.
	Namespaces bool
}

// Name returns the driver's name.
func (l *Launcher) Name() string { return l.Driver }

// Probe has arcbox-vmm probe its driver.
func (l *Launcher) Probe(ctx context.Context) hypervisor.Report {
	report := hypervisor.Report{Driver: l.Driver}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, l.VMM, "probe", l.Driver)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &report)
	}
	if err != nil {
		report.Reason = fmt.Sprintf("probing with %s failed: %v %s", filepath.Base(l.VMM), err, firstLine(stderr.String()))
		report.Remedy = "reinstall arcbox"
	}
	return report
}

// Create starts an arcbox-vmm for the VM. The process ends the VM and itself when
// this process goes away, however it does.
func (l *Launcher) Create(ctx context.Context, cfg hypervisor.Config) (hypervisor.VirtualMachine, error) {
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, fmt.Errorf("making the control socket: %w", err)
	}
	defer theirs.Close()
	r, w, err := os.Pipe()
	if err != nil {
		ours.Close()
		return nil, err
	}
	defer r.Close()
	logPath := filepath.Join(cfg.Dir, "vmm.log")
	log, err := os.OpenFile(logPath, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		ours.Close()
		w.Close()
		return nil, fmt.Errorf("creating the VMM's log: %w", err)
	}
	defer log.Close()

	cmd, namespaces, err := l.start(cfg.ID, log, []*os.File{r, theirs})
	if err != nil {
		ours.Close()
		w.Close()
		return nil, errdefs.New(errdefs.ErrNotFound, "reinstall arcbox", "starting the VMM process: %w", err)
	}
	theirs.Close()
	r.Close()
	p := newProcess(cmd, ours, logPath, cfg.Remotes)
	err = json.NewEncoder(w).Encode(Settings{Driver: l.Driver, Config: cfg, Debug: l.Debug, Profile: l.Profile, Namespaces: namespaces})
	err = errors.Join(err, w.Close())
	if err == nil {
		err = p.created(ctx)
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// start starts arcbox-vmm with those descriptors, and tells whether in namespaces of its own.
func (l *Launcher) start(id string, log *os.File, inherited []*os.File) (cmd *exec.Cmd, namespaces bool, err error) {
	prepare := func(attr *syscall.SysProcAttr) *exec.Cmd {
		attr.Setsid = true // a terminal's Ctrl-C is not for it
		return &exec.Cmd{
			Path: l.VMM, Args: []string{"arcbox-vmm", id}, Dir: "/",
			Stdout: log, Stderr: log, ExtraFiles: inherited, SysProcAttr: attr,
		}
	}
	if attr := ownNamespaces(); l.Namespaces && attr != nil {
		cmd = prepare(attr)
		if err = cmd.Start(); err == nil {
			return cmd, true, nil
		}
		if errors.Is(err, os.ErrNotExist) {
			return nil, false, err
		}
		fmt.Fprintln(log, "arcbox-vmm: running without namespaces of its own, which this host refuses:", err)
	}
	cmd = prepare(new(syscall.SysProcAttr))
	return cmd, false, cmd.Start()
}

// socketPair returns two connected Unix stream sockets, one to keep and one to hand over.
func socketPair() (*net.UnixConn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, err
	}
	unix.CloseOnExec(fds[0])
	unix.CloseOnExec(fds[1])
	ours := os.NewFile(uintptr(fds[0]), "control")
	defer ours.Close()
	theirs := os.NewFile(uintptr(fds[1]), "control")
	conn, err := net.FileConn(ours)
	if err != nil {
		theirs.Close()
		return nil, nil, err
	}
	return conn.(*net.UnixConn), theirs, nil
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	return s
}
