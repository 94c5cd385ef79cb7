// SPDX-License-Identifier: MIT OR Apache-2.0

package memory

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target/targettest"
)

var processes = []hypervisor.Process{
	{PID: 1, Role: "vmm", PSS: 10, Anon: 4, File: 5, Shmem: 1},
	{PID: 2, Role: "guest", PSS: 30, Anon: 10, File: 0, Shmem: 20},
	{PID: 3, Role: "guest", PSS: 3, Anon: 1, File: 1, Shmem: 1},
}

func TestValuesOf(t *testing.T) {
	require.Equal(t, []record.Value{
		{Value: 43, Unit: "pss-bytes"}, {Value: 15, Unit: "anon-bytes"}, {Value: 6, Unit: "file-bytes"}, {Value: 22, Unit: "shmem-bytes"},
		{Value: 33, Unit: "guest_pss-bytes"}, {Value: 11, Unit: "guest_anon-bytes"}, {Value: 1, Unit: "guest_file-bytes"}, {Value: 21, Unit: "guest_shmem-bytes"},
		{Value: 10, Unit: "vmm_pss-bytes"}, {Value: 4, Unit: "vmm_anon-bytes"}, {Value: 5, Unit: "vmm_file-bytes"}, {Value: 1, Unit: "vmm_shmem-bytes"},
	}, valuesOf(processes))
}

func TestRun(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells the proportional set size")
	}
	b := &targettest.Booter{VMProcesses: processes}
	values, err := Idle{Settle: time.Millisecond}.Run(context.Background(), b)
	require.NoError(t, err)
	require.Zero(t, b.Open)
	s := record.Sample{Values: values}
	for _, u := range (Idle{}).Units() {
		v, ok := s.Value(u.Name)
		require.True(t, ok, u.Name)
		require.NotZero(t, v, u.Name)
	}
}

func TestRunFailures(t *testing.T) {
	require.ErrorContains(t, Idle{}.Check(targettest.Plain{}), "does not boot")
	no := errors.New("no")
	for _, tc := range []struct {
		want   string
		change func(*targettest.Booter)
	}{
		{"booting: no", func(b *targettest.Booter) { b.BootErr = no }},
		{"reading the VM's memory: no", func(b *targettest.Booter) { b.ProcessesErr = no }},
		{"the target named no process of its VM", func(b *targettest.Booter) { b.VMProcesses = nil }},
		{"cleaning up: no", func(b *targettest.Booter) { b.CloseErr = no }},
	} {
		b := &targettest.Booter{VMProcesses: processes}
		tc.change(b)
		_, err := Idle{Settle: time.Millisecond}.Run(context.Background(), b)
		require.EqualError(t, err, tc.want)
		require.Zero(t, b.Open)
	}

	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(no)
	b := &targettest.Booter{VMProcesses: processes}
	_, err := Idle{Settle: time.Hour}.Run(ctx, b)
	require.ErrorIs(t, err, no)
	require.Zero(t, b.Open)
}
