// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package host

import (
	"context"
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/programtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestCheckMissing(t *testing.T) {
	err := New(filepath.Join(t.TempDir(), "arcbox-probe")).Check(t.Context())
	require.ErrorIs(t, err, target.ErrMissing)
	require.ErrorContains(t, err, "run make build")
}

func TestHost(t *testing.T) {
	h := New(programtest.Build(t))
	require.NoError(t, h.Check(t.Context()))
	require.NoError(t, h.Prepare(t.Context()))
	require.Regexp(t, `^(Linux|Darwin) \d+\..*, \w+$`, h.Version())
	instance, err := h.Start(t.Context())
	require.NoError(t, err)
	for _, tc := range []struct {
		name string
		args []string
		want client.Status
	}{
		{"well", []string{instance.Tool()}, client.Status{}},
		{"badly", []string{instance.Tool(), "nonsense"}, client.Status{Code: 2}},
		{"signal", []string{"/bin/sh", "-c", "kill -TERM $$"}, client.Status{Signal: int(syscall.SIGTERM)}},
		{"high status", []string{"/bin/sh", "-c", "exit 200"}, client.Status{Code: 200}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			status, err := instance.Exec(t.Context(), tc.args...)
			require.NoError(t, err)
			require.Equal(t, tc.want, status)
		})
	}
	_, err = instance.Exec(t.Context(), "/nothing")
	require.ErrorContains(t, err, "running nothing")
	_, err = instance.Exec(t.Context())
	require.Error(t, err)
	processes, err := instance.Processes(t.Context())
	require.NoError(t, err)
	require.Empty(t, processes)
	require.NoError(t, instance.Stop(t.Context()))
	require.NoError(t, instance.Close())
	require.NoError(t, h.Clean())

	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	cancel(enough)
	_, err = h.Start(ctx)
	require.ErrorIs(t, err, enough)
	_, err = instance.Exec(ctx, instance.Tool(), "wait")
	require.ErrorIs(t, err, enough)
}
