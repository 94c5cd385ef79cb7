// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// parameters of modules: nested paging is what makes it bearable, and there is no
// third level.
var parameters = map[string]string{"kvm-amd": "npt=1 nested=0"}

// load loads a kernel module.
func load(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	name := strings.TrimSuffix(filepath.Base(path), ".ko")
	return unix.FinitModule(int(f.Fd()), parameters[name], 0)
}
