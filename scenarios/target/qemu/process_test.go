// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// install puts a script in the place of QEMU, and returns a target that uses it.
func install(t *testing.T, script string) *Target {
	t.Helper()
	dir := t.TempDir()
	text := "#!/bin/sh\n" + `[ "$1" = --version ] && { echo 'QEMU emulator version 0'; echo more; exit; }` + "\n" + script + "\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, Program), []byte(text), 0o700))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	qemu := New(Config{Accel: tcg, CPUs: 1, Memory: 64 << 20, Guest: func(context.Context) (Guest, error) {
		return Guest{Kernel: "/k", Initramfs: "/i", Version: "Linux 0"}, nil
	}})
	require.NoError(t, qemu.Check(context.Background()))
	qemu.machine = machine{"q35", tcg, 0}
	return qemu
}

func TestCheckMissing(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	err := New(Config{}).Check(context.Background())
	require.ErrorIs(t, err, target.ErrMissing)
	require.ErrorContains(t, err, "ci/setup")
}

func TestBootOfFailingQEMU(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"bad option", "echo 'qemu: no such machine' >&2; exit 1", "QEMU ended: exit status 1: qemu: no such machine"},
		{"panic", "echo '[ 0.1] Kernel panic - not syncing: no init\r'; exit 0", "QEMU ended: [ 0.1] Kernel panic - not syncing: no init"},
		{"killed", "echo " + vcpusRun + " >&2; kill -9 $$", "QEMU ended: signal: killed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := install(t, tc.script).Boot(context.Background(), target.Bare)
			require.EqualError(t, err, tc.want)
		})
	}
}

// TestBootOfHangingQEMU: when the time is over, nothing of it is left.
func TestBootOfHangingQEMU(t *testing.T) {
	pidFile := filepath.Join(t.TempDir(), "pid")
	qemu := install(t, "echo $$ > "+pidFile+".new; mv "+pidFile+".new "+pidFile+"; exec sleep 1000")
	late := errors.New("too late")
	ctx, cancel := context.WithCancelCause(context.Background())
	go func() {
		for {
			if _, err := os.Stat(pidFile); err == nil {
				cancel(late)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	_, err := qemu.Boot(ctx, target.Bare)
	require.ErrorIs(t, err, late)
	text, err := os.ReadFile(pidFile)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.ErrorIs(t, syscall.Kill(pid, 0), syscall.ESRCH)
}

func TestPrepareTellsAllFailures(t *testing.T) {
	qemu := install(t, "echo 'broken' >&2; exit 1")
	err := qemu.Prepare(context.Background())
	require.ErrorContains(t, err, "q35 with tcg: QEMU ended: exit status 1: broken")

	qemu.config.Guest = func(context.Context) (Guest, error) { return Guest{}, errors.New("no kernel") }
	require.ErrorContains(t, qemu.Prepare(context.Background()), "getting a guest for QEMU: no kernel")
}

func TestOutput(t *testing.T) {
	o := &output{awaited: vcpusRun}
	write := func(s string) {
		n, err := o.Write([]byte(s))
		require.NoError(t, err)
		require.Equal(t, len(s), n)
	}
	require.Empty(t, o.lastLine())
	write("starting\nvm_state_not")
	require.Zero(t, o.cameAt())
	before := events.Now()
	write("ify running 1 reason 9 (running)\n")
	came := o.cameAt()
	require.GreaterOrEqual(t, came, before)
	write(vcpusRun + "\n")
	require.Equal(t, came, o.cameAt(), "the first counts")
	require.Equal(t, "starting", o.lastLine())

	write(strings.Repeat("x", 3*maxTail) + "\n\x1b[31mred\x00\r\n\n")
	require.LessOrEqual(t, len(o.tail), maxTail)
	require.Equal(t, "[31mred", o.lastLine())
}
