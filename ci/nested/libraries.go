// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"arcbox.dev/guest/initramfs"
)

// foreign are programs of the host that go into the machine with all that they load:
// what is measured beside ArcBox, and a server of devices that is not ours.
var foreign = []string{"qemu-system-x86_64", "qemu-storage-daemon"}

// firmware is what QEMU's microvm reads.
var firmware = []string{
	"/usr/share/qemu/bios-microvm.bin", "/usr/share/qemu/qboot.rom", "/usr/share/qemu/pvh.bin", "/usr/share/qemu/linuxboot_dma.bin",
	"/usr/share/seabios/bios-microvm.bin", "/usr/share/seabios/bios-256k.bin",
}

// addForeign adds the programs, those that are there.
func addForeign(ctx context.Context, files []initramfs.File) ([]initramfs.File, error) {
	seen := map[string]bool{}
	add := func(path string) {
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && !seen[path] {
			seen[path] = true
			files = append(files, initramfs.File{Name: path, Mode: info.Mode().Perm(), Source: path})
		}
	}
	// The names that programs look for may be links; what they lead to goes by that name.
	for _, name := range foreign {
		program, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		add(program)
		out, err := exec.CommandContext(ctx, "ldd", program).Output()
		if err != nil {
			return nil, fmt.Errorf("finding the libraries of %s: %w", program, err)
		}
		for _, field := range strings.Fields(string(out)) {
			if filepath.IsAbs(field) {
				add(field)
			}
		}
	}
	for _, path := range firmware {
		add(path)
	}
	return files, nil
}
