// SPDX-License-Identifier: MIT OR Apache-2.0

// Package setuptest runs ci/setup on made-up hosts.
package setuptest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// host is a PATH with the ordinary tools and a package manager that only takes
// notes: installed holds what is installed, known what could be, calls what was asked.
type host struct {
	t   *testing.T
	dir string
}

func newHost(t *testing.T, installed, known string) *host {
	h := &host{t: t, dir: t.TempDir()}
	for _, tool := range []string{"sh", "sed", "awk", "sort", "tail", "cut", "mktemp", "rm", "cat", "uname", "flock", "env", "grep", "sleep"} {
		path, err := exec.LookPath(tool)
		if err != nil {
			t.Fatalf("this host lacks %s: %v", tool, err)
		}
		if err := os.Symlink(path, filepath.Join(h.dir, tool)); err != nil {
			t.Fatal(err)
		}
	}
	h.write("installed", installed)
	h.write("known", known)
	h.write("calls", "")
	h.script("id", "echo 0")
	h.script("dpkg-query", `shift 3; for p; do if grep -qxF "$p" `+h.dir+`/installed; then echo "installed $p"; fi; done`)
	h.script("apt-cache", `case $1 in
show) grep -qxF "$3" `+h.dir+`/known ;;
pkgnames) grep "^$2" `+h.dir+`/known ;;
esac`)
	h.script("apt-get", `echo "$*" >>`+h.dir+`/calls
case "$*" in
*" update"*) cat `+h.dir+`/after-update >>`+h.dir+`/known ;;
*" install "*) sleep 0.2; shift 7; for p; do [ "$p" = --no-install-recommends ] || echo "$p" >>`+h.dir+`/installed; done ;;
esac`)
	h.write("after-update", "")
	return h
}

func (h *host) write(name, content string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte(strings.ReplaceAll(content, " ", "\n")+"\n"), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) script(name, body string) {
	h.t.Helper()
	if err := os.WriteFile(filepath.Join(h.dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) remove(name string) {
	h.t.Helper()
	if err := os.Remove(filepath.Join(h.dir, name)); err != nil {
		h.t.Fatal(err)
	}
}

// run runs ci/setup and returns what it says, and whether it succeeded.
func (h *host) run(args ...string) (string, bool) {
	h.t.Helper()
	cmd := exec.Command("../setup", args...)
	cmd.Env = []string{"PATH=" + h.dir}
	out, err := cmd.CombinedOutput()
	return string(out), err == nil
}

func (h *host) calls() []string {
	h.t.Helper()
	data, err := os.ReadFile(filepath.Join(h.dir, "calls"))
	if err != nil {
		h.t.Fatal(err)
	}
	return strings.Split(strings.TrimSpace(string(data)), "\n")
}

const (
	demo = "user-mode-linux"
	test = "acpica-tools busybox-static chromium e2fsprogs erofs-utils fdisk passt podman qemu-system-x86 runc slirp4netns"
)

func TestNothingMissing(t *testing.T) {
	h := newHost(t, demo+" "+test, "")
	for _, args := range [][]string{nil, {"demo"}, {"test"}, {"demo", "test"}, {"-n", "test"}} {
		began := time.Now()
		out, ok := h.run(args...)
		if !ok || out != "" {
			t.Errorf("setup %v: %v, %q", args, ok, out)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("setup %v took %v", args, took)
		}
	}
	if got := h.calls(); got[0] != "" {
		t.Errorf("the package manager was asked: %q", got)
	}
}

func TestInstalls(t *testing.T) {
	h := newHost(t, demo+" fdisk", demo+" "+test)
	out, ok := h.run("test")
	want := "setup: installing acpica-tools busybox-static chromium e2fsprogs erofs-utils passt podman qemu-system-x86 runc slirp4netns\nsetup: done\n"
	if !ok || out != want {
		t.Errorf("got %v, %q, want %q", ok, out, want)
	}
	got := h.calls()
	if len(got) != 1 || !strings.Contains(got[0], "DPkg::Lock::Timeout") || !strings.HasSuffix(got[0], "install --no-install-recommends acpica-tools busybox-static chromium e2fsprogs erofs-utils passt podman qemu-system-x86 runc slirp4netns") {
		t.Errorf("the package manager was asked %q", got)
	}
	if out, ok := h.run("test"); !ok || out != "" {
		t.Errorf("again: %v, %q", ok, out)
	}
}

func TestUpdatesTheListsWhenTheyLackSomething(t *testing.T) {
	h := newHost(t, "", "")
	h.write("after-update", demo)
	out, ok := h.run()
	want := "setup: updating the lists of packages\nsetup: installing user-mode-linux\nsetup: done\n"
	if !ok || out != want {
		t.Errorf("got %v, %q, want %q", ok, out, want)
	}
}

func TestTwoAtOnce(t *testing.T) {
	h := newHost(t, "", demo+" "+test)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if out, ok := h.run("test"); !ok {
				t.Error(out)
			}
		})
	}
	wg.Wait()
	if got := h.calls(); len(got) != 1 {
		t.Errorf("the package manager was asked %q", got)
	}
}

func TestProblems(t *testing.T) {
	for _, tc := range []struct {
		name string
		edit func(h *host)
		args []string
		want string
	}{
		{"unknown group", func(*host) {}, []string{"everything"}, "setup: unknown group everything: choose from demo, test, kernel and datapath\n"},
		{"only told", func(*host) {}, []string{"-n"}, "setup: missing: user-mode-linux\n"},
		{"no rights", func(h *host) { h.script("id", "echo 1000") }, nil, "setup: these packages are missing, and installing them needs root: user-mode-linux\n"},
		{"no apt", func(h *host) { h.remove("apt-get"); h.remove("dpkg-query") }, nil, "setup: this system has no apt-get: install by hand what these packages of Debian hold: user-mode-linux\n"},
		{"no apt, and half of it there", func(h *host) {
			h.remove("apt-get")
			h.remove("dpkg-query")
			for _, program := range []string{"linux.uml", "mkfs.ext4", "sfdisk", "busybox"} {
				h.script(program, "")
			}
		}, []string{"test"}, "of Debian hold: acpica-tools chromium erofs-utils passt podman qemu-system-x86 runc slirp4netns\n"},
		{"not to be had", func(h *host) { h.write("known", "") }, nil, "setup: this system has no package user-mode-linux: provide it by other means"},
		{"installing fails", func(h *host) {
			h.script("apt-get", `case "$*" in *update*) ;; *) echo "E: disk full"; exit 100;; esac`)
		}, nil, "E: disk full"},
		{"updating fails", func(h *host) { h.write("known", ""); h.script("apt-get", "echo 'E: no network'; exit 100") }, nil, "E: no network"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t, "", demo)
			tc.edit(h)
			out, ok := h.run(tc.args...)
			if ok || !strings.Contains(out, tc.want) {
				t.Errorf("got %v, %q, want %q", ok, out, tc.want)
			}
		})
	}
}

func TestSudo(t *testing.T) {
	h := newHost(t, "", demo)
	h.script("id", "echo 1000")
	h.script("sudo", `echo "sudo $1 $2 $3" >>`+h.dir+`/calls; "$@"`)
	if out, ok := h.run(); !ok {
		t.Error(out)
	}
	if got := h.calls(); len(got) != 2 || got[0] != "sudo env DEBIAN_FRONTEND=noninteractive apt-get" {
		t.Errorf("got %q", got)
	}
}

func TestChoosesALinuxSource(t *testing.T) {
	if archives, _ := filepath.Glob("/usr/src/linux-source-*"); len(archives) > 0 {
		// The script looks where distributions put it, and there it is: nothing to choose.
		h := newHost(t, "", "linux-source-6.13")
		if out, _ := h.run("-n", "kernel"); strings.Contains(out, "linux-source") {
			t.Errorf("the source is there, and yet: %q", out)
		}
		return
	}
	const tools = "bc bison flex gcc libc6-dev libelf-dev libssl-dev make xz-utils"
	h := newHost(t, tools, "linux-source-6.1 linux-source-6.12 linux-source-6.14 linux-source-5.20 linux-source-6.9.0")
	out, ok := h.run("kernel")
	if want := "setup: installing linux-source-6.14\nsetup: done\n"; !ok || out != want {
		t.Errorf("got %v, %q, want %q", ok, out, want)
	}
}
