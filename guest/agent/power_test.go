// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// ends is a guest that ends in a test.
type ends struct {
	killed []unix.Signal
	off    chan bool // gets reboot
}

func (e *ends) Kill(sig unix.Signal)  { e.killed = append(e.killed, sig) }
func (e *ends) Off(reboot bool) error { e.off <- reboot; return nil }

// TestPowerButton: both ways of the button end in the orderly shutdown.
func TestPowerButton(t *testing.T) {
	for _, tt := range []struct {
		name  string
		press func(t *testing.T, device *os.File)
	}{
		{"signal", func(*testing.T, *os.File) { powerButton <- unix.SIGINT }},
		{"input device", func(t *testing.T, device *os.File) {
			event := make([]byte, 24) // struct input_event: EV_KEY, KEY_POWER, down
			binary.NativeEndian.PutUint16(event[16:], 1)
			binary.NativeEndian.PutUint16(event[18:], 116)
			binary.NativeEndian.PutUint32(event[20:], 1)
			_, err := device.Write(event)
			require.NoError(t, err)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "event0")
			require.NoError(t, unix.Mkfifo(path, 0o600))
			device, err := os.OpenFile(path, os.O_RDWR, 0)
			require.NoError(t, err)
			defer device.Close()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			power := &ends{off: make(chan bool, 1)}
			a := New(Config{Power: power})
			defer a.Close()
			a.obeyPowerButton(ctx, dir)
			tt.press(t, device)
			select {
			case reboot := <-power.off:
				require.False(t, reboot)
			case <-time.After(10 * time.Second):
				t.Fatal("the guest goes on")
			}
			require.Equal(t, []unix.Signal{unix.SIGKILL}, power.killed)
			require.True(t, a.closing, "new processes are taken")
		})
	}
}
