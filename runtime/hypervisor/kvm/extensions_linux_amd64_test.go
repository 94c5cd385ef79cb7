// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"testing"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

func TestLacking(t *testing.T) {
	all := make([]string, 0, len(extensions))
	for _, e := range extensions {
		all = append(all, e.name)
	}
	tests := []struct {
		name  string
		check func(gokvm.Capability) (uintptr, error)
		want  []string
	}{
		{"nothing", func(gokvm.Capability) (uintptr, error) { return 1, nil }, nil},
		{"everything", func(gokvm.Capability) (uintptr, error) { return 0, nil }, all},
		{"cannot be asked", func(gokvm.Capability) (uintptr, error) { return 1, unix.EINVAL }, all},
		{"eventfds", func(c gokvm.Capability) (uintptr, error) {
			if c == gokvm.CapIRQFD || c == gokvm.CapIOEventFD {
				return 0, nil
			}
			return 4096, nil
		}, []string{"ioeventfd", "irqfd"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, lacking(tt.check)) })
	}
}

func TestCheckExtensionsOfNoDevice(t *testing.T) {
	err := checkExtensions(-1)
	require.ErrorIs(t, err, errdefs.ErrNotSupported)
	require.ErrorContains(t, err, "KVM lacks user_memory, ")
}
