// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
)

func TestConsoleKeepsTheLast(t *testing.T) {
	for _, size := range []int{0, 1, consoleKeep - 1, consoleKeep, consoleKeep + 1, 3*consoleKeep + 17} {
		text := make([]byte, size)
		for i := range text {
			text[i] = byte(i % 251)
		}
		c := newConsole()
		c.copyFrom(iotest.OneByteReader(bytes.NewReader(text)), nil)
		got, err := io.ReadAll(c.reader())
		require.NoError(t, err)
		require.Equal(t, text[max(0, size-consoleKeep):], append([]byte{}, got...), "of %d bytes", size)
		require.Equal(t, size > 0, c.firstByte() > 0)
	}
}

func TestConsoleFollowsAndEnds(t *testing.T) {
	c := newConsole()
	r, w := io.Pipe()
	go c.copyFrom(r, nil)
	reader := c.reader()
	buf := make([]byte, 5)
	for _, text := range []string{"first", "later"} {
		w.Write([]byte(text))
		_, err := io.ReadFull(reader, buf)
		require.NoError(t, err)
		require.Equal(t, text, string(buf))
	}
	closed := c.reader()
	done := make(chan error)
	go func() {
		io.ReadFull(closed, make([]byte, 10))
		_, err := closed.Read(buf)
		done <- err
	}()
	closed.Close()
	require.ErrorIs(t, <-done, os.ErrClosed)
	w.Close()
	_, err := reader.Read(buf)
	require.ErrorIs(t, err, io.EOF)
}

func TestConsoleLogIsBounded(t *testing.T) {
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer log.Close()
	newConsole().copyFrom(io.LimitReader(zeros{}, logLimit+1<<20), log)
	info, err := log.Stat()
	require.NoError(t, err)
	require.EqualValues(t, logLimit, info.Size())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

func TestClassify(t *testing.T) {
	for name, c := range map[string]struct {
		console string
		killed  bool
		want    hypervisor.Exit
	}{
		"power off":              {"x\n[    1.1] reboot: Power down\n", false, hypervisor.Exit{Reason: hypervisor.ExitPowerOff}},
		"halt":                   {"reboot: System halted\n", false, hypervisor.Exit{Reason: hypervisor.ExitPowerOff}},
		"reboot":                 {"reboot: Restarting system\n", false, hypervisor.Exit{Reason: hypervisor.ExitReboot}},
		"panic":                  {"Kernel panic - not syncing: Attempted to kill init! \x1b[31m\nCPU: 0", false, hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "Attempted to kill init! [31m"}},
		"a panic that we ended":  {"Kernel panic - not syncing: oops", true, hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "oops"}},
		"killed":                 {"booting", true, hypervisor.Exit{Reason: hypervisor.ExitKilled}},
		"crash":                  {"one\nlast words\n", false, hypervisor.Exit{Reason: hypervisor.ExitCrash, Detail: "the kernel process ended; its last line: last words"}},
		"crash without a word":   {"", false, hypervisor.Exit{Reason: hypervisor.ExitCrash, Detail: "the kernel process ended"}},
		"long lines are cut off": {"Kernel panic - not syncing: " + strings.Repeat("x", 500), false, hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: strings.Repeat("x", 200) + "…"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, classify([]byte(c.console), &os.ProcessState{}, c.killed))
		})
	}
}
