// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
)

func TestAbsent(t *testing.T) {
	tests := []struct {
		name           string
		host           virtualization
		reason, remedy string
	}{
		{"not passed on", virtualization{module: "kvm_intel", flag: "vmx"},
			"no KVM at /dev/kvm, although the module kvm_intel is loaded", "where this is a container, start it with --device /dev/kvm"},
		{"Intel", virtualization{flag: "vmx"},
			"no KVM at /dev/kvm: the module kvm_intel is not loaded", "sudo modprobe kvm_intel; if that fails, turn on VT-x in the firmware"},
		{"AMD", virtualization{flag: "svm"},
			"no KVM at /dev/kvm: the module kvm_amd is not loaded", "sudo modprobe kvm_amd; if that fails, turn on AMD-V (SVM) in the firmware"},
		{"neither", virtualization{},
			"no KVM at /dev/kvm: the CPU offers no virtualization",
			"turn on VT-x or AMD-V in the firmware or, where this host is itself a VM, nested virtualization"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := absent("/dev/kvm", tt.host)
			require.ErrorIs(t, err, errdefs.ErrNotFound)
			reason, remedy := explain(err)
			require.Equal(t, tt.reason, reason)
			require.Equal(t, tt.remedy, remedy)
		})
	}
}

func TestHostVirtualization(t *testing.T) {
	tests := []struct {
		name    string
		module  string
		cpuinfo string // not written if empty
		want    virtualization
	}{
		{"nothing to see", "", "", virtualization{}},
		{"only the common module", "kvm", "flags\t\t: fpu vme\n", virtualization{}},
		{"Intel, not loaded", "", "processor\t: 0\nflags\t\t: fpu vmx sse\n", virtualization{flag: "vmx"}},
		{"AMD, loaded", "kvm_amd", "flags\t\t: fpu svm\n", virtualization{module: "kvm_amd", flag: "svm"}},
		{"page tables", "kvm_pvm", "flags\t\t: fpu\n", virtualization{module: "kvm_pvm"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root := t.TempDir()
			require.NoError(t, os.MkdirAll(filepath.Join(root, "sys/module", tt.module), 0o755))
			require.NoError(t, os.MkdirAll(filepath.Join(root, "proc"), 0o755))
			if tt.cpuinfo != "" {
				require.NoError(t, os.WriteFile(filepath.Join(root, "proc/cpuinfo"), []byte(tt.cpuinfo), 0o644))
			}
			require.Equal(t, tt.want, hostVirtualization(root))
		})
	}
}

func TestVirtualizationFlag(t *testing.T) {
	tests := []struct{ name, cpuinfo, want string }{
		{"empty", "", ""},
		{"no flags", "processor\t: 0\n", ""},
		{"whole words only", "flags : vmxnet svmx\n", ""},
		{"other keys", "vmx flags\t: vnmi vmx\nflags\t: fpu\n", ""},
		{"first CPU counts", "flags\t: fpu\n\nflags\t: vmx\n", ""},
		{"no line end", "flags\t: svm", "svm"},
		{"no value", "flags", ""},
		{"line without end", "flags : " + strings.Repeat("x ", 1<<20), ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, virtualizationFlag(strings.NewReader(tt.cpuinfo)))
		})
	}
}

func FuzzVirtualizationFlag(f *testing.F) {
	for _, seed := range []string{"", "flags", "flags:", "flags : vmx svm\n", "a\x00:\nflags\t:\tsvm\r\n", ":vmx\n"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cpuinfo string) {
		if flag := virtualizationFlag(strings.NewReader(cpuinfo)); flag != "" && !strings.Contains(cpuinfo, flag) {
			t.Errorf("found %q in %q", flag, cpuinfo)
		}
	})
}
