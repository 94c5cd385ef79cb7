// SPDX-License-Identifier: MIT OR Apache-2.0

package memory

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

func TestByKind(t *testing.T) {
	other := hypervisor.Process{Role: "other", PSS: 100, Anon: 100}
	require.Equal(t, []record.Value{
		{Value: 143, Unit: "pss-bytes"}, {Value: 115, Unit: "anon-bytes"}, {Value: 6, Unit: "file-bytes"}, {Value: 22, Unit: "shmem-bytes"},
		{Value: 33, Unit: "guest_pss-bytes"}, {Value: 11, Unit: "guest_anon-bytes"}, {Value: 1, Unit: "guest_file-bytes"}, {Value: 21, Unit: "guest_shmem-bytes"},
		{Value: 10, Unit: "vmm_pss-bytes"}, {Value: 4, Unit: "vmm_anon-bytes"}, {Value: 5, Unit: "vmm_file-bytes"}, {Value: 1, Unit: "vmm_shmem-bytes"},
	}, byKind(append(slices.Clone(processes), other)))
}

func TestIdle(t *testing.T) {
	b := booter()
	values, err := Idle{Settle: time.Millisecond}.Run(context.Background(), b)
	require.NoError(t, err)
	require.Zero(t, b.Open)
	require.Equal(t, []target.Content{target.Bare}, b.Contents)
	s := record.Sample{Values: values}
	for unit, want := range map[string]float64{"pss-bytes": 43, "vmm_pss-bytes": 10, "guest_total-bytes": 200, "guest_available-bytes": 150} {
		got, _ := s.Value(unit)
		require.Equal(t, want, got, unit)
	}
	launcher, _ := s.Value("launcher_pss-bytes")
	require.Greater(t, launcher, 1e5)
	for _, v := range values {
		require.True(t, slices.ContainsFunc(Idle{}.Units(), func(u record.Unit) bool { return u.Name == v.Unit }), v.Unit)
	}
}

// TestIdleWithoutView: a VM whose guest cannot be asked has the rest.
func TestIdleWithoutView(t *testing.T) {
	b := booter()
	b.Info = nil
	values, err := Idle{Settle: time.Millisecond}.Run(context.Background(), b)
	require.NoError(t, err)
	_, ok := record.Sample{Values: values}.Value("guest_total-bytes")
	require.False(t, ok)
}

func TestIdleFailures(t *testing.T) {
	testFailures(t, Idle{Settle: time.Millisecond}, nil)

	ctx, cancel := context.WithCancelCause(context.Background())
	b := booter()
	time.AfterFunc(time.Millisecond, func() { cancel(errNo) })
	_, err := Idle{Settle: time.Hour}.Run(ctx, b)
	require.ErrorIs(t, err, errNo)
	require.Zero(t, b.Open)
}
