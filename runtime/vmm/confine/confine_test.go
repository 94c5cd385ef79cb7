// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package confine

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// ordinaryUser has no account and no rights; vmUser is what a VMM of root becomes.
const (
	ordinaryUser = 1_234_567
	vmUser       = 1_900_000_001
)

// way is one in which a VMM is started.
type way struct {
	name       string
	attr       *syscall.SysProcAttr
	namespaces bool
	uids       string // what /proc/PID/status shows here
}

func ways() []way {
	const spaces = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWIPC
	self := os.Geteuid()
	inUserNamespace := &syscall.SysProcAttr{
		Cloneflags:  spaces | unix.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: self, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	if self != 0 {
		return []way{
			{"user namespace", inUserNamespace, true, ids(self)},
			{"no namespace", &syscall.SysProcAttr{}, false, ids(self)},
		}
	}
	return []way{
		{"root", &syscall.SysProcAttr{Cloneflags: spaces}, true, ids(vmUser)},
		{"root without namespaces", &syscall.SysProcAttr{}, false, ids(vmUser)},
		{"root in a user namespace", inUserNamespace, true, ids(0)},
	}
}

func ids(id int) string { return fmt.Sprintf("%d\t%d\t%d\t%d", id, id, id, id) }

// TestLock has a program lock itself in and try what is to be impossible, and what
// is to go on working.
func TestLock(t *testing.T) {
	for _, w := range ways() {
		t.Run(w.name, func(t *testing.T) { testLock(t, w) })
	}
}

func testLock(t *testing.T, w way) {
	dir := publicDir(t)
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o755))
	root := filepath.Join(dir, "root")
	require.NoError(t, os.Mkdir(root, 0o755))
	victim := exec.Command("sleep", "1000")
	require.NoError(t, victim.Start())
	defer func() { victim.Process.Kill(); victim.Wait() }()

	cmd := exec.Command(buildLocked(t), fmt.Sprint(w.namespaces), root, fmt.Sprint(vmUser), secret, fmt.Sprint(victim.Process.Pid))
	cmd.SysProcAttr = w.attr
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{device(t)}
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	err = cmd.Start()
	if w.namespaces && (errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC)) {
		t.Skipf("this host allows no such namespaces: %v", err)
	}
	require.NoError(t, err)
	refused, working, threads := 0, 0, 0
	for lines := bufio.NewScanner(out); lines.Scan() && lines.Text() != "done"; {
		what, result, _ := strings.Cut(lines.Text(), ": ")
		switch {
		case what == "report":
			require.Equal(t, w.namespaces, strings.Contains(result, "empty root"), result)
		case strings.HasSuffix(result, unix.EPERM.Error()):
			refused++
			if strings.HasPrefix(what, "thread ") {
				threads++
			}
		case result == "works":
			working++
		default:
			t.Errorf("%s", lines.Text())
		}
	}
	require.GreaterOrEqual(t, refused, 50, "refused")
	require.Equal(t, 8, threads)
	require.Equal(t, 13, working)
	requireLocked(t, cmd.Process.Pid, w)
	require.NoError(t, in.Close())
	require.NoError(t, cmd.Wait())
}

// requireLocked looks at each thread of the process from outside.
func requireLocked(t *testing.T, pid int, w way) {
	threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", pid))
	require.NoError(t, err)
	require.Greater(t, len(threads), 8)
	for _, path := range threads {
		b, err := os.ReadFile(path)
		require.NoError(t, err)
		status := string(b)
		for _, want := range []string{
			"Uid:\t" + w.uids, "Seccomp:\t2", "NoNewPrivs:\t1", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
			"CapInh:\t0000000000000000", "CapAmb:\t0000000000000000",
		} {
			require.Contains(t, status, want+"\n", path)
		}
	}
	if os.Geteuid() != 0 {
		return // the process is not dumpable: its user sees no more of it
	}
	limits, err := os.ReadFile(fmt.Sprintf("/proc/%d/limits", pid))
	require.NoError(t, err)
	require.Regexp(t, `Max core file size +0 +0 `, string(limits))
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/root", pid))
	require.NoError(t, err)
	require.Equal(t, w.namespaces, len(entries) == 0, "the root has %d entries", len(entries))
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mounts", pid))
	require.NoError(t, err)
	if w.namespaces {
		require.Equal(t, 1, strings.Count(string(mounts), "\n"), string(mounts))
		require.Regexp(t, `^empty / tmpfs ro,`, string(mounts))
	}
}

// TestSharedMountsAreLeftAlone: whoever says wrongly that the mounts are its own gets
// an error and not the host's root.
func TestSharedMountsAreLeftAlone(t *testing.T) {
	before, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	cmd := exec.Command(buildLocked(t), "true", t.TempDir(), "0", "/", "1")
	cmd.ExtraFiles = []*os.File{device(t)}
	out, err := cmd.Output()
	require.Error(t, err)
	require.Equal(t, "locking in: leaving the host's root: the mount namespace is the parent's\n", string(out))
	after, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

// TestAsOrdinaryUser runs the tests of this package once more without rights.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this is the run as an ordinary user")
	}
	dir := publicDir(t)
	binary := filepath.Join(dir, "confine.test")
	b, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(binary, b, 0o755))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tmp"), 0o777))
	require.NoError(t, os.Chmod(filepath.Join(dir, "tmp"), 0o777))
	cmd := exec.Command(binary, "-test.v")
	cmd.Dir = dir
	cmd.Env = []string{"TMPDIR=" + filepath.Join(dir, "tmp"), "PATH=" + os.Getenv("PATH"), lockedVariable + "=" + buildLocked(t)}
	cmd.ExtraFiles = []*os.File{device(t)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestLock/user_namespace")
}

func TestMapped(t *testing.T) {
	for _, c := range []struct {
		table string
		user  uint64
		want  bool
	}{
		{"         0          0 4294967295\n", vmUser, true},
		{"         0       1000          1\n", vmUser, false},
		{"         0     100000      65536\n  1900000000 5 10\n", vmUser, true},
		{"5 0 10", 4, false},
		{"5 0 10", 14, true},
		{"5 0 10", 15, false},
		{"", 0, false},
		{"what is this", 0, false},
	} {
		require.Equal(t, c.want, mapped(strings.NewReader(c.table), c.user), "%q %d", c.table, c.user)
	}
}

// TestFilterFits: the kernel takes programs of up to 4096 instructions (BPF_MAXINSNS).
func TestFilterFits(t *testing.T) {
	require.Less(t, len(filter(1)), 4096)
	for _, forbidden := range []uint32{unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_OPEN, unix.SYS_OPENAT, unix.SYS_SOCKET, unix.SYS_CONNECT} {
		require.NotContains(t, allowed, forbidden)
	}
}

func TestReport(t *testing.T) {
	require.Equal(t, "namespaces with an empty root, user 7, no capabilities, seccomp", Report{EmptyRoot: true, User: 7}.String())
	require.Equal(t, "no capabilities, seccomp", Report{}.String())
}
