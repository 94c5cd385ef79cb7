// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/host"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// confinements are those that this user can try here.
func confinements(t *testing.T) []Confinement {
	all := []Confinement{ConfineNamespace, ConfineLandlock}
	if os.Geteuid() == 0 {
		all = append(all, ConfineUser)
	}
	var usable []Confinement
	for _, c := range all {
		if _, _, err := probeJail(context.Background(), c); err != nil {
			t.Logf("%s does not work here: %v", c, err)
			continue
		}
		usable = append(usable, c)
	}
	require.NotEmpty(t, usable)
	return usable
}

// TestJailed runs a program in each jail that tries what the jail is to prevent.
func TestJailed(t *testing.T) {
	prober := buildProber(t)
	secret := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(secret, []byte("secret"), 0o644))
	for _, conf := range confinements(t) {
		t.Run(string(conf), func(t *testing.T) {
			out := runJailed(t, conf, prober, secret)
			for _, want := range []string{
				"open secret: refused", "list root: refused or bare", "inet socket: EPERM", "netlink socket: EPERM",
				"unix socket: ok", "mount: EPERM", "new user namespace: EPERM", "unshare: EPERM", "bpf: EPERM",
				"capabilities: none", "no_new_privs: set", "write memory folder: ok", "core limit: 0", "descriptors: 3",
			} {
				require.Contains(t, out, want)
			}
			if conf != ConfineLandlock {
				require.Contains(t, out, "pid: 1\n")
				require.Contains(t, out, "write root: refused")
			}
			if conf == ConfineUser {
				require.Contains(t, out, fmt.Sprintf("uid: %d\n", host.VMUser(os.Getpid())))
			}
		})
	}
}

func runJailed(t *testing.T, conf Confinement, program, secret string) string {
	root, memory := t.TempDir(), t.TempDir()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	inJail, memoryIn := "/prober", memoryDir
	if conf == ConfineLandlock {
		inJail, memoryIn = program, memory
	}
	describe := func(Confinement) (jailSpec, error) {
		return jailSpec{
			Root: root, Memory: 1 << 20, MemoryDir: memory, Binds: []bind{{program, inJail}},
			Program: inJail, Args: []string{"prober", secret, memoryIn},
		}, nil
	}
	j, fallback, err := startJail(context.Background(), conf, describe, nil, w)
	w.Close()
	require.NoError(t, err)
	require.Empty(t, fallback)
	defer j.life.Close()
	out, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, j.cmd.Wait(), "%s", out)
	return string(out)
}

// TestJailEndsWithItsParent: when the process that made the jail is killed, so is what runs in it.
func TestJailEndsWithItsParent(t *testing.T) {
	for _, conf := range confinements(t) {
		t.Run(string(conf), func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe")
			cmd.Env = append(os.Environ(), parentVariable+"="+string(conf), "PROBER="+buildProber(t), "ROOT="+t.TempDir())
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			var pid int
			_, err = fmt.Fscan(out, &pid)
			require.NoError(t, err)
			require.NoError(t, syscall.Kill(pid, 0), "the jailed process runs")
			require.NoError(t, cmd.Process.Kill())
			cmd.Wait()
			require.Eventually(t, func() bool {
				b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
				return err != nil || strings.Contains(string(b), ") Z ")
			}, 5*time.Second, 5*time.Millisecond)
		})
	}
}

const parentVariable = "ARCBOX_TEST_JAIL_PARENT"

// jailParent is the process that TestJailEndsWithItsParent kills.
func jailParent(conf Confinement) {
	program, root := os.Getenv("PROBER"), os.Getenv("ROOT")
	describe := func(Confinement) (jailSpec, error) {
		inJail := "/prober"
		if conf == ConfineLandlock {
			inJail = program
		}
		return jailSpec{Root: root, Memory: 1 << 20, MemoryDir: root, Binds: []bind{{program, inJail}}, Program: inJail, Args: []string{"prober", "sleep"}}, nil
	}
	null, _ := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	j, _, err := startJail(context.Background(), conf, describe, nil, null)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(j.cmd.Process.Pid)
	select {}
}

// buildProber builds testdata/prober, which reports what its jail allows.
func buildProber(t *testing.T) string {
	path := filepath.Join(t.TempDir(), "prober")
	cmd := exec.Command("go", "build", "-o", path, "./testdata/prober")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NoError(t, os.Chmod(path, 0o755))
	for dir := filepath.Dir(path); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		require.NoError(t, os.Chmod(dir, 0o755)) // for the user of the jail
	}
	return path
}

// TestFilter: what would lead out of the jail is not on the list, and all that is not on it fails.
func TestFilter(t *testing.T) {
	p := filter()
	require.Less(t, len(p), 4096, "BPF_MAXINSNS")
	last := p[len(p)-1]
	require.EqualValues(t, unix.SECCOMP_RET_ERRNO|uint32(unix.EPERM), last.K)
	for _, forbidden := range []uint32{unix.SYS_EXECVEAT, unix.SYS_MOUNT, unix.SYS_UNSHARE, unix.SYS_SETNS, unix.SYS_BPF,
		unix.SYS_PERF_EVENT_OPEN, unix.SYS_KEYCTL, unix.SYS_PROCESS_VM_READV, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_IO_URING_SETUP,
		unix.SYS_USERFAULTFD, unix.SYS_INIT_MODULE, unix.SYS_KEXEC_LOAD, unix.SYS_CHROOT, unix.SYS_PIVOT_ROOT, unix.SYS_SETUID} {
		require.NotContains(t, allowed, forbidden)
	}
}

// TestMemoryFolder: without a file system of the jail's own, the memory file goes
// where TMPDIR says, if there is room.
func TestMemoryFolder(t *testing.T) {
	base := t.TempDir()
	t.Setenv("TMPDIR", base)
	m := &machine{cfg: hypervisor.Config{Memory: 64 << 20}}
	require.NoError(t, m.makeMemoryDir())
	require.Equal(t, base, filepath.Dir(m.tempDir))
	info, err := os.Stat(m.tempDir)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

	m = &machine{cfg: hypervisor.Config{Memory: 1 << 50}}
	err = m.makeMemoryDir()
	require.ErrorIs(t, err, errdefs.ErrExhausted)
	require.Regexp(t, `do not fit into the \d+ MiB that .* has left \(.*TMPDIR.*\)$`, err.Error())
	require.Empty(t, m.tempDir)

	t.Setenv("TMPDIR", filepath.Join(base, "none"))
	require.ErrorIs(t, m.makeMemoryDir(), errdefs.ErrNotFound)
}
