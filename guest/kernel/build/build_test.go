// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/guest/kernel/kerneltest"
)

// toolchain is a PATH of programs that act as if they built a kernel, and a source
// archive for them. Each step's body can be replaced before it is written.
type toolchain struct {
	t       *testing.T
	dir     string
	source  string
	calls   string // one line for each compilation
	scripts map[string]string
}

func newToolchain(t *testing.T) *toolchain {
	tc := &toolchain{t: t, dir: t.TempDir()}
	room := roomNeeded
	roomNeeded = 0
	t.Cleanup(func() { roomNeeded = room })
	tc.source = filepath.Join(tc.dir, "linux-source-6.12.tar.xz")
	tc.calls = filepath.Join(tc.dir, "calls")
	uml, vm := filepath.Join(tc.dir, "uml"), filepath.Join(tc.dir, "vm")
	require.NoError(t, os.WriteFile(tc.source, []byte("archive"), 0o644))
	require.NoError(t, os.WriteFile(tc.calls, nil, 0o644))
	require.NoError(t, os.WriteFile(uml, kerneltest.UML("6.12.117"), 0o644))
	require.NoError(t, os.WriteFile(vm, kerneltest.Vmlinux("6.12.117"), 0o644))
	nothing := "exit 0"
	tc.scripts = map[string]string{
		"gcc": "echo 'cc 1.0'", "ld": nothing, "strip": nothing, "flex": nothing, "bison": nothing, "bc": nothing, "xz": nothing,
		"tar": `/bin/mkdir -p "$2/linux-6.12/include/config"`,
		"make": `cd "$2" || exit 1
case "$*" in
*allnoconfig*) for a; do case $a in KCONFIG_ALLCONFIG=*) /bin/cp "${a#*=}" .config;; esac; done ;;
*) echo "$*" >>` + tc.calls + `
   case "$*" in *vmlinux) /bin/cp ` + vm + ` vmlinux ;; *) /bin/cp ` + uml + ` linux ;; esac
   echo kernel/fs/fuse/fuse.ko >modules.builtin; echo 6.12.117 >include/config/kernel.release ;;
esac`,
	}
	return tc
}

// install writes the programs and makes them all there is.
func (tc *toolchain) install() {
	tc.t.Helper()
	bin := filepath.Join(tc.dir, "bin")
	require.NoError(tc.t, os.MkdirAll(bin, 0o755))
	for name, body := range tc.scripts {
		require.NoError(tc.t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	}
	tc.t.Setenv("PATH", bin)
}

func (tc *toolchain) compilations() []string {
	tc.t.Helper()
	data, err := os.ReadFile(tc.calls)
	require.NoError(tc.t, err)
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

func find(cacheDir string, flavour kernel.Flavour) (kernel.Kernel, error) {
	return kernel.Find(kernel.Options{
		Flavour: flavour, Origin: kernel.Lean, CacheDir: cacheDir, Getenv: func(string) string { return "" },
	})
}

// left returns what lies in the cache besides locks.
func left(t *testing.T, cacheDir string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(cacheDir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != "lock" {
			files = append(files, path)
		}
		return err
	})
	require.NoError(t, err)
	return files
}

func TestBuildsOnce(t *testing.T) {
	tc := newToolchain(t)
	tc.install()
	cacheDir := t.TempDir()
	args := []string{"-cache", cacheDir, "-source", tc.source, "-jobs", "3", "uml"}
	require.NoError(t, run(context.Background(), args))

	k, err := find(cacheDir, kernel.UML)
	require.NoError(t, err)
	require.Equal(t, "6.12.117", k.Release)
	require.True(t, k.Has("fuse"))
	calls := tc.compilations()
	require.Len(t, calls, 1)
	require.Contains(t, calls[0], "ARCH=um -j3 linux")
	require.Len(t, left(t, cacheDir), 4, "image, modules.builtin, config and manifest")

	require.NoError(t, run(context.Background(), args))
	require.Len(t, tc.compilations(), 1, "up to date")

	// A damaged kernel is built again, and so is one of another source; the old one goes.
	require.NoError(t, os.Truncate(k.Path, 10))
	require.NoError(t, run(context.Background(), args))
	require.Len(t, tc.compilations(), 2)
	require.NoError(t, os.WriteFile(tc.source, []byte("newer"), 0o644))
	require.NoError(t, run(context.Background(), args))
	require.Len(t, tc.compilations(), 3)
	require.NoFileExists(t, k.Path)
	require.NoError(t, run(context.Background(), append([]string{"-force"}, args...)))
	require.Len(t, tc.compilations(), 4)
	_, err = find(cacheDir, kernel.UML)
	require.NoError(t, err)
}

// Without a flavour all are built, and the next time only those that are not there.
func TestBuildsAll(t *testing.T) {
	tc := newToolchain(t)
	tc.install()
	cacheDir := t.TempDir()
	args := []string{"-cache", cacheDir, "-source", tc.source, "-jobs", "1"}
	require.NoError(t, run(context.Background(), append(args, "vm")))
	require.NoError(t, run(context.Background(), args))
	calls := tc.compilations()
	require.Len(t, calls, 2)
	require.Contains(t, calls[0], "ARCH=x86_64 -j1 vmlinux")
	require.Contains(t, calls[1], "ARCH=um -j1 linux")
	for _, r := range kernel.Recipes() {
		k, err := find(cacheDir, r.Flavour)
		require.NoError(t, err)
		require.Equal(t, "6.12.117", k.Release)
	}
	require.Len(t, left(t, cacheDir), 8)
}

// One flavour's failure says which it was, and what was built before stays.
func TestSecondFlavourFails(t *testing.T) {
	tc := newToolchain(t)
	tc.scripts["strip"] = `case "$1" in *vmlinux) echo 'strip: x'; exit 1;; esac`
	tc.install()
	cacheDir := t.TempDir()
	err := run(context.Background(), []string{"-cache", cacheDir, "-source", tc.source, "uml", "vm"})
	require.ErrorContains(t, err, "flavour vm: stripping the kernel")
	_, err = find(cacheDir, kernel.UML)
	require.NoError(t, err)
	_, err = find(cacheDir, kernel.VM)
	require.ErrorIs(t, err, kernel.ErrNotFound)
}

func TestTwoBuildsAtOnce(t *testing.T) {
	tc := newToolchain(t)
	tc.install()
	cacheDir := t.TempDir()
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := run(context.Background(), []string{"-cache", cacheDir, "-source", tc.source, "uml"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, tc.compilations(), 1)
}

func TestFailuresLeaveNothing(t *testing.T) {
	for _, tt := range []struct {
		name, tool, body, want string
	}{
		{"no compiler", "gcc", "", "gcc is needed to build a kernel (run `sudo ci/setup kernel`)"},
		{"bad archive", "tar", "echo 'xz: damaged' >&2; exit 2", "xz: damaged"},
		{"empty archive", "tar", "exit 0", "there is no folder in it"},
		{"no configuration", "make", "exit 0", ".config: no such file"},
		{"an option is lost", "make", `cd "$2"; echo "# CONFIG_EROFS_FS is not set" >.config`, "missing CONFIG_EROFS_FS=y"},
		{"compiling fails", "make", `cd "$2"; case "$*" in *allnoconfig*) /bin/cp ../fragment .config;; *) echo 'error: x'; exit 2;; esac`, "error: x"},
		{"nothing is built", "make", `cd "$2"; /bin/cp ../fragment .config`, "kernel.release: no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tc := newToolchain(t)
			tc.scripts[tt.tool] = tt.body
			if tt.body == "" {
				delete(tc.scripts, tt.tool)
			}
			tc.install()
			cacheDir := t.TempDir()
			err := run(context.Background(), []string{"-cache", cacheDir, "-source", tc.source, "uml"})
			require.ErrorContains(t, err, tt.want)
			require.Empty(t, left(t, cacheDir))
		})
	}
}

func TestNoRoom(t *testing.T) {
	tc := newToolchain(t)
	tc.install()
	roomNeeded = 1 << 62
	cacheDir := t.TempDir()
	err := run(context.Background(), []string{"-cache", cacheDir, "-source", tc.source, "uml"})
	require.ErrorContains(t, err, "building needs 4398046511104 MiB")
	require.Empty(t, left(t, cacheDir))
}

func TestInterrupted(t *testing.T) {
	tc := newToolchain(t)
	pid := filepath.Join(tc.dir, "pid")
	// The compiler's own child holds the output open: it must go too.
	tc.scripts["make"] = "/bin/sleep 60 & echo $! >" + pid + "; wait"
	tc.install()
	cacheDir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- run(ctx, []string{"-cache", cacheDir, "-source", tc.source, "uml"}) }()
	require.Eventually(t, func() bool {
		info, err := os.Stat(pid)
		return err == nil && info.Size() > 0
	}, 10*time.Second, 10*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	require.Empty(t, left(t, cacheDir))
	data, err := os.ReadFile(pid)
	require.NoError(t, err)
	status := fmt.Sprintf("/proc/%s/stat", strings.TrimSpace(string(data)))
	require.Eventually(t, func() bool {
		stat, err := os.ReadFile(status) // gone, or dead and not yet waited for by init
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 5*time.Second, 10*time.Millisecond)
}

func TestArguments(t *testing.T) {
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"plan9"}, `no lean kernel of flavour "plan9"`},
		{[]string{"uml", "extra"}, `no lean kernel of flavour "extra", only of uml, vm`},
		{[]string{"-jobs", "0"}, "at least 1"},
		{[]string{"-source", "/nowhere.tar.xz"}, "no such file"},
	} {
		err := run(context.Background(), append([]string{"-cache", t.TempDir()}, tt.args...))
		require.ErrorContains(t, err, tt.want)
	}
}
