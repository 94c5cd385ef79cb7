// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/kernel"
)

// roomNeeded is what unpacking and building take on disk, in bytes.
var roomNeeded uint64 = 2500 << 20

// build is one build of a kernel.
type build struct {
	recipe  kernel.Recipe
	source  source
	jobs    int
	folder  string // temporary; holds the tree, and what make is given beside it
	tree    string // Linux's source
	release string // of the kernel that was built
}

// inFolder builds in a temporary folder below the cache, calls then, and removes
// the folder, whatever happened. The caller holds the lock, so what else lies
// there was left by a build that was killed.
func (b *build) inFolder(ctx context.Context, cacheDir string, then func() error) error {
	parent := filepath.Join(cacheDir, "build")
	if err := os.RemoveAll(filepath.Join(parent, "work")); err != nil {
		return fmt.Errorf("clearing the build folder: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(parent, &st); err != nil {
		return fmt.Errorf("looking for room to build in %s: %w", parent, err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < roomNeeded {
		return fmt.Errorf("building needs %d MiB in %s, and %d are free (set ARCBOX_CACHE to a folder with more room)",
			roomNeeded>>20, parent, free>>20)
	}
	b.folder = filepath.Join(parent, "work")
	if err := os.Mkdir(b.folder, 0o700); err != nil {
		return fmt.Errorf("making the build folder: %w", err)
	}
	defer os.RemoveAll(b.folder)
	for _, step := range []func(context.Context) error{b.unpack, b.configure, b.compile} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return then()
}

// unpack unpacks the archive. It holds one folder.
func (b *build) unpack(ctx context.Context) error {
	say("unpacking %s", b.source.path)
	if err := b.run(ctx, "tar", "-C", b.folder, "-xf", b.source.path); err != nil {
		return fmt.Errorf("unpacking %s: %w", b.source.path, err)
	}
	entries, err := os.ReadDir(b.folder)
	if err != nil {
		return fmt.Errorf("unpacking %s: %w", b.source.path, err)
	}
	for _, e := range entries {
		if e.IsDir() {
			b.tree = filepath.Join(b.folder, e.Name())
		}
	}
	if b.tree == "" {
		return fmt.Errorf("unpacking %s: there is no folder in it", b.source.path)
	}
	return nil
}

// configure makes the configuration from the recipe: everything off, and then the
// recipe's options with what they select.
func (b *build) configure(ctx context.Context) error {
	say("configuring")
	fragment := filepath.Join(b.folder, "fragment")
	if err := os.WriteFile(fragment, b.recipe.Config, 0o600); err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	if err := b.make(ctx, "KCONFIG_ALLCONFIG="+fragment, "allnoconfig"); err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	result, err := os.ReadFile(filepath.Join(b.tree, ".config"))
	if err != nil {
		return fmt.Errorf("configuring: %w", err)
	}
	return survived(b.recipe.Config, result)
}

// compile builds the kernel, and strips it.
func (b *build) compile(ctx context.Context) error {
	say("compiling with %d jobs; this takes some minutes", b.jobs)
	if err := b.make(ctx, "-j"+strconv.Itoa(b.jobs), b.recipe.Image); err != nil {
		return fmt.Errorf("compiling: %w", err)
	}
	if err := b.run(ctx, "strip", b.image()); err != nil {
		return fmt.Errorf("stripping the kernel: %w", err)
	}
	release, err := os.ReadFile(filepath.Join(b.tree, "include/config/kernel.release"))
	if err != nil {
		return fmt.Errorf("reading the kernel's release: %w", err)
	}
	b.release = strings.TrimSpace(string(release))
	return nil
}

// image is the path of the kernel that make leaves.
func (b *build) image() string { return filepath.Join(b.tree, b.recipe.Image) }

func (b *build) make(ctx context.Context, args ...string) error {
	return b.run(ctx, "make", append([]string{"-C", b.tree, "ARCH=" + b.recipe.Arch}, args...)...)
}

// run runs a command and keeps the end of what it says for an error. Every
// process that the command started ends with it.
func (b *build) run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 5 * time.Second
	out := &progress{every: 10 * time.Second, began: time.Now()}
	cmd.Stdout, cmd.Stderr = out, out
	err := cmd.Run()
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("%s failed: %w\n%s", name, err, out.tail())
}

// environment is the same on every host, so that the same source, recipe and
// compiler give the same kernel; nothing of an outer make gets in.
func environment() []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + os.Getenv("HOME"),
		"LC_ALL=C",
		"TZ=UTC",
		"KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 1970",
		"KBUILD_BUILD_VERSION=1",
		"KBUILD_BUILD_USER=arcbox",
		"KBUILD_BUILD_HOST=arcbox",
	}
}

// compiler returns the version line of the compiler.
func compiler(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "gcc", "--version").Output()
	if err != nil {
		return ""
	}
	line, _, _ := bytes.Cut(out, []byte("\n"))
	return string(line)
}
