// SPDX-License-Identifier: MIT OR Apache-2.0

package life

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/hypervisor"
)

func TestLife(t *testing.T) {
	l := New()
	require.False(t, l.Running())
	require.NoError(t, l.KillBy(func() { t.Error("killed before it started") }))
	l.Begin()
	require.True(t, l.Running())
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("no time"))
	_, err := l.Wait(ctx)
	require.EqualError(t, err, "no time")

	want := hypervisor.Exit{Reason: hypervisor.ExitPowerOff}
	go l.End(want)
	exit, err := l.Wait(t.Context())
	require.NoError(t, err)
	require.Equal(t, want, exit)
	require.False(t, l.Running())
	require.True(t, l.Started())
}

func TestKilled(t *testing.T) {
	l := New()
	l.Begin()
	require.NoError(t, l.KillBy(func() { go l.End(hypervisor.Exit{Reason: hypervisor.ExitKilled}) }))
	require.True(t, l.Killed())
	require.False(t, l.Running())

	ended := New()
	ended.Begin()
	ended.End(hypervisor.Exit{})
	require.NoError(t, ended.KillBy(func() {}))
	require.False(t, ended.Killed(), "it had ended by itself")
}

func TestPress(t *testing.T) {
	log := slog.New(slog.DiscardHandler)
	l := New()
	l.Begin()
	presses := 0
	require.True(t, l.Press(t.Context(), log, func() error {
		if presses++; presses == 2 {
			l.End(hypervisor.Exit{})
		}
		return errors.New("not felt")
	}))
	require.Equal(t, 2, presses)

	deaf := New()
	deaf.Begin()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	require.False(t, deaf.Press(ctx, log, func() error { return nil }))
}
