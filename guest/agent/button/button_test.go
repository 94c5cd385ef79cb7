// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package button

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const patience = 10 * time.Second

// event is a struct input_event.
func event(kind, code uint16, value int32) []byte {
	b := make([]byte, eventSize)
	b[0], b[8] = 0xff, 0xff // the time
	binary.NativeEndian.PutUint16(b[16:], kind)
	binary.NativeEndian.PutUint16(b[18:], code)
	binary.NativeEndian.PutUint32(b[20:], uint32(value))
	return b
}

// device makes a pipe in the place of an input device and returns its other end.
func device(t *testing.T, dir, name string) *os.File {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, unix.Mkfifo(path, 0o600))
	// For writing and reading, so that neither end waits for the other.
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// watch watches dir until the test ends. Presses arrive in the channel.
func watch(t *testing.T, dir string) <-chan struct{} {
	ctx, cancel := context.WithCancel(t.Context())
	pressed, done := make(chan struct{}, 100), make(chan struct{})
	go func() {
		defer close(done)
		Watch(ctx, dir, func() { pressed <- struct{}{} })
	}()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(patience):
			t.Error("Watch does not return")
		}
	})
	return pressed
}

func wait(t *testing.T, pressed <-chan struct{}) {
	t.Helper()
	select {
	case <-pressed:
	case <-time.After(patience):
		t.Fatal("the press was not noticed")
	}
}

func TestWatch(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "by-path"), 0o700))
	keyboard, button := device(t, dir, "event0"), device(t, dir, "event1")
	mouse := device(t, dir, "mice")
	pressed := watch(t, dir)

	var others []byte
	for _, e := range [][]byte{
		event(1, 30, 1),        // another key
		event(1, keyPower, 0),  // released
		event(1, keyPower, 2),  // repeated
		event(2, keyPower, 1),  // not a key
		event(0, 0, 0),         // EV_SYN
		event(1, keyPower, -1), // nothing known
		make([]byte, 40*24),    // more than a batch
	} {
		others = append(others, e...)
	}
	for _, f := range []*os.File{keyboard, button} {
		_, err := f.Write(others)
		require.NoError(t, err)
	}
	_, err := mouse.Write(event(typeKey, keyPower, valueDown))
	require.NoError(t, err)
	for _, f := range []*os.File{button, keyboard} { // any device may have the key
		_, err := f.Write(append(event(typeKey, keyPower, valueDown), event(0, 0, 0)...))
		require.NoError(t, err)
		wait(t, pressed)
	}
	require.Empty(t, pressed)
}

// TestWatchLate finds a device that is made after the first look, in a folder that is
// made after it.
func TestWatchLate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "input")
	pressed := watch(t, dir)
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, os.Mkdir(dir, 0o700))
	button := device(t, dir, "event0")
	_, err := button.Write(event(typeKey, keyPower, valueDown))
	require.NoError(t, err)
	wait(t, pressed)
	require.Empty(t, pressed)
}

// TestWatchNothing: without devices it ends by itself, after the last look.
func TestWatchNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		Watch(t.Context(), filepath.Join(t.TempDir(), "none"), func() { t.Error("pressed") })
		require.Equal(t, looks[len(looks)-1], time.Since(start))
	})
}

// TestWatchGone: with its devices gone it ends.
func TestWatchGone(t *testing.T) {
	saved := looks
	looks = looks[:1]
	defer func() { looks = saved }()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "event0"), event(typeKey, keyPower, valueDown)[:23], 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "event1"), event(typeKey, keyPower, valueDown), 0o600))
	count := make(chan struct{}, 10)
	Watch(t.Context(), dir, func() { count <- struct{}{} })
	require.Len(t, count, 1)
}
