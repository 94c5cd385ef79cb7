// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"arcbox.dev/runtime/errdefs"
)

// virtualization is what a host shows of its own.
type virtualization struct {
	module string // the module that KVM runs on, if it is loaded
	flag   string // the CPU's feature: "vmx" (Intel), "svm" (AMD) or ""
}

// hostVirtualization looks below root, which is "/" but for tests. What it cannot
// read counts as absent: it only chooses between remedies.
func hostVirtualization(root string) virtualization {
	var v virtualization
	for _, module := range []string{"kvm_intel", "kvm_amd", "kvm_pvm"} {
		if _, err := os.Stat(filepath.Join(root, "sys/module", module)); err == nil {
			v.module = module
			break
		}
	}
	if f, err := os.Open(filepath.Join(root, "proc/cpuinfo")); err == nil {
		defer f.Close() // only read
		v.flag = virtualizationFlag(f)
	}
	return v
}

// virtualizationFlag finds the feature in the first flags line of a cpuinfo. It
// reads no further than that: each CPU's entry costs the kernel some work.
func virtualizationFlag(cpuinfo io.Reader) string {
	lines := bufio.NewScanner(cpuinfo)
	for lines.Scan() {
		key, value, _ := strings.Cut(lines.Text(), ":")
		if strings.TrimSpace(key) != "flags" {
			continue
		}
		flags := strings.Fields(value)
		for _, flag := range []string{"vmx", "svm"} {
			if slices.Contains(flags, flag) {
				return flag
			}
		}
		break
	}
	return ""
}

// absent explains a device that does not exist, or that has nothing behind it.
func absent(path string, host virtualization) error {
	switch {
	case host.module != "":
		return errdefs.New(errdefs.ErrNotFound, "where this is a container, start it with --device "+DefaultDevice,
			"no KVM at %s, although the module %s is loaded", path, host.module)
	case host.flag == "vmx":
		return notLoaded(path, "kvm_intel", "VT-x")
	case host.flag == "svm":
		return notLoaded(path, "kvm_amd", "AMD-V (SVM)")
	}
	return errdefs.New(errdefs.ErrNotFound,
		"turn on VT-x or AMD-V in the firmware or, where this host is itself a VM, nested virtualization",
		"no KVM at %s: the CPU offers no virtualization", path)
}

func notLoaded(path, module, feature string) error {
	return errdefs.New(errdefs.ErrNotFound, "sudo modprobe "+module+"; if that fails, turn on "+feature+" in the firmware",
		"no KVM at %s: the module %s is not loaded", path, module)
}
