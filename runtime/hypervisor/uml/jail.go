// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"arcbox.dev/runtime/hypervisor/host"
	"golang.org/x/sys/unix"
)

// Confinement is a way of locking in the kernel process. In every one of them it
// has no capabilities, cannot gain any (no_new_privs), and passes a seccomp
// allow-list without network, files of others or namespaces.
type Confinement string

const (
	// ConfineAuto takes the first of those below that the host allows.
	ConfineAuto Confinement = ""
	// ConfineUser is for a VMM that runs as root: own mount, PID, network, IPC, UTS
	// and cgroup namespaces, and a user id that belongs to this one VM.
	ConfineUser Confinement = "user"
	// ConfineNamespace is for ordinary users: the same namespaces inside a user
	// namespace of its own.
	ConfineNamespace Confinement = "namespace"
	// ConfineLandlock is for hosts that allow no user namespaces: Landlock
	// restricts the files that can be opened; processes and network are seen but
	// the system calls that reach them are refused.
	ConfineLandlock Confinement = "landlock"
)

func (c Confinement) describe() string {
	switch c {
	case ConfineUser:
		return "namespaces, a user id of its own, seccomp"
	case ConfineNamespace:
		return "namespaces (a user namespace among them), seccomp"
	default:
		return "Landlock, seccomp"
	}
}

// candidates lists the confinements to try, the tightest first.
func candidates(want Confinement) []Confinement {
	switch {
	case want != ConfineAuto:
		return []Confinement{want}
	case os.Geteuid() == 0:
		return []Confinement{ConfineUser, ConfineNamespace, ConfineLandlock}
	default:
		return []Confinement{ConfineNamespace, ConfineLandlock}
	}
}

// JailName is argv[0] of the process that enters the jail: the VMM's own program,
// whose main calls Jailed when it finds itself called so.
const JailName = "arcbox-jail"

// jailSpec is what the parent tells the process that enters the jail.
type jailSpec struct {
	Confinement Confinement
	UID         int      // ConfineUser: the user to become
	Root        string   // an empty folder on the host to mount the jail's root on
	Binds       []bind   // what of the host is in sight
	Files       []file   // small files of the jail's own
	Memory      uint64   // bytes that the memory file may take
	MemoryDir   string   // ConfineLandlock: the folder for the memory file
	CPU         int      // the CPU to stay on; -1 for any
	Program     string   // path as the jail sees it; empty only tries the jail
	Args        []string // with argv[0]
	Env         []string
}

// bind makes Source of the host visible at Target in the jail, read-only.
type bind struct{ Source, Target string }

// file is a file of the jail's own.
type file struct {
	Path string
	Data []byte
}

// Descriptors of the jailed process beside 0 to 2.
const (
	specFD   = 3 // the specification, kept open by the parent for as long as the VM lives
	statusFD = 4 // an error text on failure; closed by the exec on success
)

// jailed is a process in its jail.
type jailed struct {
	cmd  *exec.Cmd
	life *os.File // the writing end of specFD: its end tells that we are gone
	conf Confinement
}

// startJail starts what describe says in a jail of one of the confinements, reading
// its console from in (nil for nothing) and writing it to out. fallback says why a
// tighter one was not taken.
//
// The kernel has the thread that forks send the death signal (prctl(2),
// PR_SET_PDEATHSIG), so the process is started from a thread that lives as long
// as this process does.
func startJail(ctx context.Context, want Confinement, describe func(Confinement) (jailSpec, error), in, out *os.File) (j *jailed, fallback string, err error) {
	for _, conf := range candidates(want) {
		spec, err := describe(conf)
		if err != nil {
			return nil, "", err
		}
		spec.Confinement = conf
		spec.UID = host.VMUser(os.Getpid())
		j, err = enterJail(ctx, spec, in, out)
		if err == nil {
			return j, fallback, nil
		}
		if fallback == "" {
			fallback = fmt.Sprintf("locking in by %s failed: %v", conf.describe(), err)
		}
		var unable *jailError
		if !errors.As(err, &unable) {
			return nil, "", err
		}
	}
	return nil, "", errors.New(fallback)
}

// jailError is a failure to build the jail, as against one to run the program in it.
type jailError struct{ text string }

func (e *jailError) Error() string { return e.text }

func enterJail(ctx context.Context, spec jailSpec, in, out *os.File) (*jailed, error) {
	specR, specW, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer specR.Close()
	statusR, statusW, err := os.Pipe()
	if err != nil {
		specW.Close()
		return nil, err
	}
	defer statusR.Close()

	cmd := &exec.Cmd{
		Path:       "/proc/self/exe",
		Args:       []string{JailName},
		Env:        []string{"GODEBUG=asyncpreemptoff=1"},
		Stdout:     out,
		Stderr:     out,
		ExtraFiles: []*os.File{specR, statusW},
		SysProcAttr: &syscall.SysProcAttr{
			Setsid:    true,
			Pdeathsig: syscall.SIGKILL,
		},
	}
	if in != nil {
		cmd.Stdin = in // a nil *os.File would not be a nil Reader
	}
	const spaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS
	switch spec.Confinement {
	case ConfineUser:
		cmd.SysProcAttr.Cloneflags = spaces
	case ConfineNamespace:
		cmd.SysProcAttr.Cloneflags = spaces | unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	err = onLastingThread(cmd.Start)
	statusW.Close()
	if err != nil {
		specW.Close()
		return nil, &jailError{err.Error()}
	}
	j := &jailed{cmd: cmd, life: specW, conf: spec.Confinement}
	stop := context.AfterFunc(ctx, func() { cmd.Process.Kill() })
	err = json.NewEncoder(specW).Encode(spec)
	text, _ := io.ReadAll(io.LimitReader(bufio.NewReader(statusR), 4096))
	if !stop() {
		err = context.Cause(ctx)
	} else if len(text) > 0 {
		err = &jailError{string(text)}
		if text[0] == '!' {
			err = errors.New(string(text[1:]))
		}
	}
	if err != nil {
		j.kill()
		cmd.Wait()
		specW.Close()
		return nil, err
	}
	return j, nil
}

// kill ends all processes in the jail. With a PID namespace the first takes the
// others along, and is gone only when they are (pid_namespaces(7)); without, each
// is killed and waited for.
func (j *jailed) kill() {
	if j.conf != ConfineLandlock {
		j.cmd.Process.Kill()
		return
	}
	all := host.Descendants(j.cmd.Process.Pid)
	unix.Kill(-j.cmd.Process.Pid, unix.SIGKILL) // also those whose parent is gone already
	for _, pid := range all {
		unix.Kill(pid, unix.SIGKILL)
	}
	for deadline := time.Now().Add(time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		all = slices.DeleteFunc(all, func(pid int) bool {
			s := state(pid)
			return s == "" || s == "Z" || s == "X"
		})
		if len(all) == 0 {
			return
		}
	}
}

// probeJail builds a jail around nothing and says which one the host allows.
func probeJail(ctx context.Context, want Confinement) (conf Confinement, fallback string, err error) {
	dir, err := os.MkdirTemp("", "arcbox-probe-")
	if err != nil {
		return "", "", err
	}
	defer os.RemoveAll(dir)
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return "", "", err
	}
	defer null.Close()
	empty := func(Confinement) (jailSpec, error) {
		return jailSpec{Root: dir, MemoryDir: dir, Memory: 1 << 20, CPU: -1}, nil
	}
	j, fallback, err := startJail(ctx, want, empty, nil, null)
	if err != nil {
		return "", "", err
	}
	defer j.life.Close()
	return j.conf, fallback, j.cmd.Wait()
}

var lasting = make(chan func())

func init() { go serveLasting() }

// serveLasting runs what onLastingThread is given, on a thread that never ends.
func serveLasting() {
	runtime.LockOSThread()
	for f := range lasting {
		f()
	}
}

func onLastingThread(f func() error) error {
	done := make(chan error, 1)
	lasting <- func() { done <- f() }
	return <-done
}
