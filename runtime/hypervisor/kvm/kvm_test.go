// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

func TestCreate(t *testing.T) {
	var driver hypervisor.Hypervisor = new(Hypervisor)
	vm, err := driver.Create(t.Context(), hypervisor.Config{})
	require.ErrorIs(t, err, errdefs.ErrInvalid)
	require.Nil(t, vm)
}

func TestExplain(t *testing.T) {
	plain := errors.New("creating a VM: cannot allocate memory")
	tests := []struct {
		name, reason, remedy string
		err                  error
	}{
		{"with remedy", "no KVM", "load it", errdefs.New(errdefs.ErrNotFound, "load it", "no KVM")},
		{"without", "no KVM", "", errdefs.New(errdefs.ErrNotFound, "", "no KVM")},
		{"plain", plain.Error(), "", plain},
		{"joined", "no KVM", "load it", errors.Join(errdefs.New(errdefs.ErrNotFound, "load it", "no KVM"), plain)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			reason, remedy := explain(tt.err)
			require.Equal(t, tt.reason, reason)
			require.Equal(t, tt.remedy, remedy)
		})
	}
}
