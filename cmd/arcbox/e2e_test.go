// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"arcbox.dev/guest/kernel"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// The end-to-end tests run the programs that are built here, with real kernels, as
// this user and, where this user is root, as an ordinary one too.

// built is the folder of the programs and images, made by TestMain.
var built string

// builtVariable names the folder to a test process that runs as another user.
const builtVariable = "ARCBOX_TEST_BUILT"

func TestMain(m *testing.M) {
	built = os.Getenv(builtVariable)
	owner := built == ""
	if owner {
		if err := buildAll(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	code := m.Run()
	if owner {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

// buildAll builds programs and images into a folder that every user may read.
func buildAll() (err error) {
	if built, err = os.MkdirTemp("", "arcbox-e2e-"); err != nil {
		return err
	}
	if err := os.Chmod(built, 0o755); err != nil {
		return err
	}
	for _, args := range [][]string{
		{"build", "-ldflags=-s -w", "-o", built + "/", "arcbox.dev/cmd/arcbox", "arcbox.dev/cmd/arcbox-vmm", "arcbox.dev/cmd/arcbox-agent", "arcbox.dev/cmd/arcbox-hello"},
		{"run", "arcbox.dev/runtime/image/build/pack", "hello", filepath.Join(built, "hello.tar"), filepath.Join(built, "arcbox-hello")},
		{"run", "arcbox.dev/runtime/image/build/pack", "busybox", filepath.Join(built, "busybox.tar")},
	} {
		cmd := exec.Command("go", args...)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return nil
}

// place is a user's own corner for one test.
type place struct {
	t    *testing.T
	home string
	env  []string
}

// newPlace makes a home with nothing in it. The cache of kernels is shared.
func newPlace(t *testing.T) place {
	home, err := os.MkdirTemp("", "ab")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(home) })
	p := place{t: t, home: home}
	p.env = []string{
		"HOME=" + home, "TMPDIR=" + home, "PATH=" + built + ":/usr/bin:/bin", "TERM=xterm",
		"ARCBOX_CACHE=" + cacheDir(t), "BUSYBOX=" + filepath.Join(built, "busybox.tar"),
	}
	return p
}

// cacheDir is the cache of this user, which may hold a lean kernel.
func cacheDir(t *testing.T) string {
	if dir := os.Getenv("ARCBOX_CACHE"); dir != "" {
		return dir
	}
	dir, err := os.UserCacheDir()
	require.NoError(t, err)
	return filepath.Join(dir, "arcbox")
}

// arcbox returns a command in the place. It is killed if it takes much too long.
func (p place) arcbox(args ...string) *exec.Cmd {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	p.t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, filepath.Join(built, "arcbox"), args...)
	cmd.Env = p.env
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// requireNothingLeft checks that no process, mount or file of a VM is left.
func (p place) requireNothingLeft() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return len(p.processes()) == 0 }, 10*time.Second, 20*time.Millisecond, "processes are left: %v", p.processes())
	require.Eventually(p.t, func() bool {
		left, _ := filepath.Glob(filepath.Join(p.home, "arcbox-*", "vms", "*"))
		return len(left) == 0
	}, 5*time.Second, 20*time.Millisecond, "folders of VMs are left")
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(p.t, err)
	require.NotContains(p.t, string(mounts), p.home)
	shm, _ := filepath.Glob("/dev/shm/arcbox-memory-*")
	require.Empty(p.t, shm)
}

// processes lists those with the place's home in their environment: arcbox and
// arcbox-vmm. A kernel has another environment; TestKilled follows those by family.
func (p place) processes() (found []string) {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		env, err := os.ReadFile(filepath.Join(d, "environ"))
		cmdline, _ := os.ReadFile(filepath.Join(d, "cmdline"))
		if err == nil && strings.Contains(string(env), "HOME="+p.home+"\x00") && len(cmdline) > 0 {
			found = append(found, strings.ReplaceAll(string(cmdline), "\x00", " "))
		}
	}
	return found
}

// TestScripts runs the scripts, on the best kernel that is there.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			home, err := os.MkdirTemp("", "ab") // short: the paths of sockets are limited
			if err != nil {
				return err
			}
			env.Defer(func() { os.RemoveAll(home) })
			env.Setenv("HOME", home)
			env.Setenv("TMPDIR", home)
			env.Setenv("PATH", built+":"+env.Getenv("PATH"))
			env.Setenv("ARCBOX_CACHE", cacheDir(t))
			env.Setenv("BUSYBOX", filepath.Join(built, "busybox.tar"))
			env.Setenv("HELLO", filepath.Join(built, "hello.tar"))
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"status": scriptStatus},
	})
}

// scriptStatus is "status N COMMAND...": the command must exit with status N.
func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N COMMAND...")
	}
	err := ts.Exec(args[1], args[2:]...)
	got := 0
	if exit, ok := err.(*exec.ExitError); ok {
		got = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(got) != args[0] {
		ts.Fatalf("exit status %d, want %s", got, args[0])
	}
}

// ordinaryUser has no account and no rights.
const ordinaryUser = 1_234_567

// TestAsOrdinaryUser runs everything in this package once more as an ordinary user.
func TestAsOrdinaryUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("this is the run as an ordinary user")
	}
	home, err := os.MkdirTemp("", "ab-user-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(home) })
	binary := filepath.Join(home, "e2e.test")
	copyFile(t, "/proc/self/exe", binary)
	require.NoError(t, os.CopyFS(filepath.Join(home, "testdata"), os.DirFS("testdata")))
	cache := filepath.Join(home, ".cache", "arcbox")
	require.NoError(t, os.MkdirAll(cache, 0o700))
	if k, err := kernel.Find(kernel.Options{Flavour: kernel.UML, Origin: kernel.Lean}); err == nil {
		require.NoError(t, os.CopyFS(filepath.Join(cache, "kernels"), os.DirFS(filepath.Join(cacheDir(t), "kernels"))))
		t.Logf("with the lean kernel %s", k.Release)
	}
	require.NoError(t, filepath.WalkDir(home, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, ordinaryUser, ordinaryUser)
	}))
	cmd := exec.Command(binary, "-test.v", "-test.timeout=10m")
	cmd.Dir = home
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm", builtVariable + "=" + built}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestScripts")
}

func copyFile(t *testing.T, from, to string) {
	b, err := os.ReadFile(from)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(to, b, 0o755))
}
