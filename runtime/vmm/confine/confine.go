// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

// Package confine locks the VMM process in, once it has opened all that it needs
// and before its guest runs. A guest that takes the VMM over has then won a process
// that can do with its descriptors what a VMM does with them, and nothing else:
//
//   - It sees no file: its root is an empty, read-only file system (where it runs in
//     a mount namespace of its own), and seccomp refuses every call that names one.
//   - It reaches no process and no network: seccomp refuses sockets, signals to
//     others, ptrace and new programs.
//   - It has no rights: no capability, no way to regain one, and, where it was
//     root, a user id that belongs to this VM alone.
//
// All of it holds for every thread of the process, and for good.
package confine

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"arcbox.dev/runtime/seccomp"
	"golang.org/x/sys/unix"
)

// Options say what Lock has to work with.
type Options struct {
	// Namespaces tells that the process was started in mount, network and IPC
	// namespaces of its own. Lock then gives it an empty root.
	Namespaces bool
	// Root is an existing folder to mount that root on. Nothing is written there.
	Root string
	// User is the user and group id that a process of root becomes, where that id
	// exists in its user namespace.
	User int
}

// Report says what Lock did.
type Report struct {
	EmptyRoot bool // nothing of the host's files is in sight
	User      int  // what the process has become; 0 where it kept its user
	// Lacking is why there is no empty root though there are namespaces: some hosts
	// let ordinary users make them and forbid what they are for. Seccomp refuses
	// what names a file all the same.
	Lacking error
}

// String is one line for a log.
func (r Report) String() string {
	var parts []string
	if r.EmptyRoot {
		parts = append(parts, "namespaces with an empty root")
	}
	if r.User != 0 {
		parts = append(parts, fmt.Sprintf("user %d", r.User))
	}
	return strings.Join(append(parts, "no capabilities", "seccomp"), ", ")
}

// Lock locks the calling process in. When it fails the process may be locked in
// partly, and must end. A program with cgo cannot be locked in: Go reaches the
// threads of such a one no more (syscall.AllThreadsSyscall).
func Lock(o Options) (Report, error) {
	runtime.LockOSThread() // no_new_privs goes from this thread to the others
	defer runtime.UnlockOSThread()
	var r Report
	time.Now().Zone() // reads the zone's file, which the log needs
	changes, err := changesUser(o.User)
	if err != nil {
		return r, err
	}
	if o.Namespaces {
		err := emptyRoot(o.Root)
		if err != nil && !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.EACCES) {
			return r, err
		}
		r.EmptyRoot, r.Lacking = err == nil, err
	}
	if err := dropRights(); err != nil {
		return r, err
	}
	if changes {
		if err := changeUser(o.User); err != nil {
			return r, err
		}
		r.User = o.User
	}
	if err := dropCapabilities(); err != nil {
		return r, err
	}
	// No core file, and no reading of this process's memory by others of its user.
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return r, fmt.Errorf("forbidding core files: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return r, fmt.Errorf("forbidding dumps: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return r, fmt.Errorf("setting no_new_privs: %w", err)
	}
	if err := seccomp.Install(filter(os.Getpid()), true); err != nil {
		return r, fmt.Errorf("installing the seccomp filter: %w", err)
	}
	return r, nil
}

var errShared = errors.New("the mount namespace is the parent's")
