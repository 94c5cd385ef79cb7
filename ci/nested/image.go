// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"arcbox.dev/ci/nested/plan"
	"arcbox.dev/guest/initramfs"
	"arcbox.dev/guest/kernel"
)

const busybox = "/bin/busybox"

// applets are the commands that tests and their scripts start.
var applets = []string{"sh", "cat", "cp", "echo", "env", "false", "head", "ls", "mkdir", "mv", "rm", "seq", "sleep", "sort", "true", "wc", "yes", "kill", "dmesg", "printf", "test", "touch", "chmod", "grep", "ps", "id", "stat", "df", "tail", "tr", "dd", "cut"}

// pack makes the machine's initramfs, and returns the path of its kernel.
func pack(ctx context.Context, dir, image string, p plan.Plan) (string, error) {
	k, err := kernel.FetchCloud(ctx, "")
	if err != nil {
		return "", err
	}
	modules, err := k.Modules("irqbypass", "kvm", "kvm-amd")
	if err != nil {
		return "", err
	}
	files := []initramfs.File{
		{Name: "bin", Mode: fs.ModeDir | 0o755},
		{Name: "root", Mode: fs.ModeDir | 0o700},
		{Name: busybox, Mode: 0o755, Source: busybox},
		{Name: "etc/passwd", Mode: 0o644, Content: []byte("root:x:0:0:root:/root:/bin/sh\n")},
		{Name: "etc/group", Mode: 0o644, Content: []byte("root:x:0:\n")},
	}
	for _, a := range applets {
		files = append(files, initramfs.File{Name: "bin/" + a, Mode: fs.ModeSymlink | 0o777, Link: "busybox"})
	}
	for _, name := range []string{"arcbox", "arcbox-vmm", "arcbox-agent", "arcbox-hello", "arcbox-bench", "arcbox-probe", "hello.tar", "busybox.tar"} {
		files = append(files, initramfs.File{Name: binDir + "/" + name, Mode: 0o755, Source: filepath.Join(dir, name)})
	}
	for name, pkg := range tested {
		at := testDir + "/" + name
		files = append(files, initramfs.File{Name: at + "/" + name + ".test", Mode: 0o755, Source: filepath.Join(dir, name+".test")})
		folder, err := packageDir(ctx, pkg)
		if err != nil {
			return "", err
		}
		if files, err = addTree(files, filepath.Join(folder, "testdata"), at+"/testdata"); err != nil {
			return "", err
		}
	}
	if files, err = addForeign(ctx, files); err != nil {
		return "", err
	}
	if files, err = addKernels(files, k); err != nil {
		return "", err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	files = append(files, initramfs.File{Name: plan.Path, Mode: 0o644, Content: text})
	f, err := os.Create(image)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if err := initramfs.Build(f, initramfs.Spec{Init: filepath.Join(dir, "inner"), Modules: modules, Files: files}); err != nil {
		return "", err
	}
	return k.Path, f.Close()
}

// addTree adds a folder of the host, where there is one. Programs' sources stay out.
func addTree(files []initramfs.File, from, to string) ([]initramfs.File, error) {
	if _, err := os.Stat(from); err != nil {
		return files, nil
	}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || filepath.Ext(path) == ".go" || strings.Contains(path, "/fuzz/") {
			return err
		}
		files = append(files, initramfs.File{Name: to + strings.TrimPrefix(path, from), Mode: 0o644, Source: path})
		return nil
	})
	return files, err
}

// guestModules are what guests in the machine may need of the packaged kernel.
var guestModules = []string{"virtio_mmio", "virtio_blk", "virtio_console", "virtio-rng", "virtio_balloon", "vmw_vsock_virtio_transport", "erofs", "overlay", "button", "evdev", "virtio_pci"}

// addKernels adds the guests' kernels to the machine's cache: the lean one, where it
// was built, and the packaged one with the modules that are needed of it.
func addKernels(files []initramfs.File, packaged kernel.Kernel) ([]initramfs.File, error) {
	entry := filepath.Dir(packaged.Path)
	to := cacheDir + "/kernels/" + filepath.Base(entry)
	for _, name := range []string{filepath.Base(packaged.Path), kernel.ManifestName} {
		files = append(files, initramfs.File{Name: to + "/" + name, Mode: 0o644, Source: filepath.Join(entry, name)})
	}
	paths, err := packaged.Modules(guestModules...)
	if err != nil {
		return nil, err
	}
	lists, err := filepath.Glob(filepath.Join(packaged.ModuleDir, "modules.*"))
	if err != nil {
		return nil, err
	}
	for _, p := range append(paths, lists...) {
		rel, err := filepath.Rel(entry, p)
		if err != nil || strings.HasPrefix(rel, "..") {
			return nil, fmt.Errorf("module %s is not in the kernel's folder", p)
		}
		files = append(files, initramfs.File{Name: to + "/" + rel, Mode: 0o644, Source: p})
	}
	lean, err := kernel.Find(kernel.Options{Flavour: kernel.VM, Origin: kernel.Lean})
	if errors.Is(err, kernel.ErrNotFound) {
		return files, nil // what needs it is skipped, and says so
	}
	if err != nil {
		return nil, err
	}
	return addTree(files, filepath.Dir(lean.Path), cacheDir+"/kernels/"+filepath.Base(filepath.Dir(lean.Path)))
}
