// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"

	"arcbox.dev/runtime/seccomp"
	"golang.org/x/sys/unix"
)

// Jailed turns the calling process, which startJail started, into the jailed
// program. It does not return.
func Jailed() {
	runtime.LockOSThread() // no_new_privs, seccomp and capabilities are a thread's own until the exec
	var spec jailSpec
	err := closeRestOnExec()
	if err == nil {
		err = json.NewDecoder(os.NewFile(specFD, "spec")).Decode(&spec)
	}
	if err == nil {
		err = lockIn(&spec)
	}
	if err == nil && spec.Program == "" {
		os.Exit(0)
	}
	if err == nil {
		unix.Exec(spec.Program, spec.Args, spec.Env)
	}
	if err == nil {
		err = fmt.Errorf("!starting %s failed", spec.Program)
	}
	unix.Write(statusFD, []byte(err.Error()))
	os.Exit(1)
}

// closeRestOnExec keeps every descriptor but the standard ones out of the jail, also
// those that were handed down to the parent without its knowledge.
func closeRestOnExec() error {
	err := unix.CloseRange(specFD, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd") // before Linux 5.11
	if err != nil {
		return fmt.Errorf("listing descriptors: %w", err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= specFD {
			unix.CloseOnExec(fd)
		}
	}
	return nil
}

func lockIn(spec *jailSpec) error {
	var err error
	switch spec.Confinement {
	case ConfineLandlock:
		err = restrictFiles(spec)
	default:
		err = buildRoot(spec)
	}
	if err != nil {
		return err
	}
	if err := setLimits(); err != nil {
		return err
	}
	if err := dropRights(spec); err != nil {
		return err
	}
	if err := pin(0, spec.CPU); err != nil {
		return fmt.Errorf("choosing a CPU: %w", err)
	}
	// UML maps its memory at fixed addresses, and saves page tables where the rest does not move.
	const addrNoRandomize = 0x0040000 // personality(2)
	if _, _, errno := unix.RawSyscall(unix.SYS_PERSONALITY, addrNoRandomize, 0, 0); errno != 0 {
		return fmt.Errorf("turning off address randomization: %w", errno)
	}
	if err := seccomp.Install(filter(), false); err != nil {
		return fmt.Errorf("installing the seccomp filter: %w", err)
	}
	return parentAlive()
}

// buildRoot makes a new root out of a small tmpfs with nothing but the binds, the
// files and the memory's own tmpfs, and leaves the host's behind.
func buildRoot(spec *jailSpec) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	own := ""
	if spec.Confinement == ConfineUser {
		own = fmt.Sprintf(",uid=%d,gid=%d", spec.UID, spec.UID)
	}
	if err := unix.Mount("jail", spec.Root, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=1m"); err != nil {
		return fmt.Errorf("mounting the jail's root: %w", err)
	}
	for _, b := range spec.Binds {
		if err := bindReadOnly(b.Source, filepath.Join(spec.Root, b.Target)); err != nil {
			return err
		}
	}
	for _, f := range spec.Files {
		path := filepath.Join(spec.Root, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, f.Data, 0o555); err != nil {
			return err
		}
	}
	for _, t := range []struct {
		target string
		size   uint64
	}{{memoryDir, spec.Memory}, {umlDir, 1 << 20}} {
		path := filepath.Join(spec.Root, t.target)
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		opts := fmt.Sprintf("mode=0700,size=%d,nr_inodes=64%s", t.size, own)
		// The memory is mapped executable, so noexec is not possible here (mmap(2), EPERM).
		if err := unix.Mount("jail", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, opts); err != nil {
			return fmt.Errorf("mounting %s: %w", t.target, err)
		}
	}
	if err := unix.Mount("", spec.Root, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_RDONLY|unix.MS_NOSUID|unix.MS_NODEV, ""); err != nil {
		return fmt.Errorf("making the jail's root read-only: %w", err)
	}
	// pivot_root(".", ".") stacks the old root on the new one, where it is detached (pivot_root(2), NOTES).
	if err := unix.Chdir(spec.Root); err != nil {
		return err
	}
	if err := unix.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("entering the jail's root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leaving the host's root: %w", err)
	}
	return unix.Chdir("/")
}

// bindReadOnly mounts source, a file, device or folder, at target.
func bindReadOnly(source, target string) error {
	info, err := os.Stat(source)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	if info.IsDir() {
		err = os.MkdirAll(target, 0o755)
	} else {
		err = os.WriteFile(target, nil, 0o444)
	}
	if err != nil {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("binding %s: %w", source, err)
	}
	if info.Mode()&fs.ModeDevice != 0 {
		return nil // a device's access mode is the device's own affair
	}
	// Inside a user namespace the flags that the host set are locked and must be named again.
	var st unix.Statfs_t
	if err := unix.Statfs(target, &st); err != nil {
		return err
	}
	const kept = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_NODIRATIME | unix.MS_RELATIME
	flags := uintptr(st.Flags)&kept | unix.MS_REMOUNT | unix.MS_BIND | unix.MS_RDONLY
	if err := unix.Mount("", target, "", flags, ""); err != nil {
		return fmt.Errorf("making %s read-only: %w", source, err)
	}
	return nil
}

// setLimits bounds what the jail can take from the host beside its memory file:
// each process of the guest is one of the host's too.
func setLimits() error {
	const processes, files = 8192, 4096
	for _, l := range []struct {
		name     string
		resource int
		most     uint64
	}{{"core size", unix.RLIMIT_CORE, 0}, {"processes", unix.RLIMIT_NPROC, processes}, {"open files", unix.RLIMIT_NOFILE, files}} {
		var have unix.Rlimit
		if err := unix.Getrlimit(l.resource, &have); err != nil {
			return fmt.Errorf("reading the limit of %s: %w", l.name, err)
		}
		most := min(l.most, have.Max)
		if err := unix.Setrlimit(l.resource, &unix.Rlimit{Cur: most, Max: most}); err != nil {
			return fmt.Errorf("limiting %s: %w", l.name, err)
		}
	}
	return nil
}

// dropRights gives up every capability, for good, and root's user id.
func dropRights(spec *jailSpec) error {
	for c := uintptr(0); c <= unix.CAP_LAST_CAP; c++ {
		err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0)
		if err == unix.EPERM && spec.Confinement == ConfineLandlock {
			break // an ordinary user has none to drop
		}
		if err != nil && err != unix.EINVAL { // of one that this kernel does not know
			return fmt.Errorf("dropping capability %d: %w", c, err)
		}
	}
	if spec.Confinement == ConfineUser {
		if err := unix.Setgroups(nil); err != nil {
			return fmt.Errorf("dropping groups: %w", err)
		}
		if err := unix.Setresgid(spec.UID, spec.UID, spec.UID); err != nil {
			return fmt.Errorf("changing the group: %w", err)
		}
		if err := unix.Setresuid(spec.UID, spec.UID, spec.UID); err != nil {
			return fmt.Errorf("changing the user: %w", err)
		}
		// A change of user clears the death signal (prctl(2)).
		if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
			return err
		}
	}
	head := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	if err := unix.Capset(&head, &none[0]); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("setting no_new_privs: %w", err)
	}
	return nil
}

// parentAlive ends the race between the parent's death and the death signal: the
// parent holds the other end of specFD for as long as it lives.
func parentAlive() error {
	p := []unix.PollFd{{Fd: specFD}}
	if n, err := unix.Poll(p, 0); err != nil || n > 0 && p[0].Revents&unix.POLLHUP != 0 {
		return fmt.Errorf("the VMM process is gone")
	}
	return nil
}
