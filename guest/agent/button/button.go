// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package button notices presses of the power button, which a guest with ACPI gets as
// an input device (evdev).
package button

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// struct input_event of 64-bit systems: a timestamp of 16 bytes, then type, code and
// value (Documentation/input/input.rst, linux/input.h).
const (
	eventSize = 24
	typeAt    = 16
	codeAt    = 18
	valueAt   = 20

	typeKey   = 1   // EV_KEY
	keyPower  = 116 // KEY_POWER
	valueDown = 1   // 0 is a release, 2 a repetition
)

// batch is how many events one read takes at most.
const batch = 16

// looks says when the folder is looked at, from the call of Watch on: a button's
// module may be loaded, and its device made, while the guest comes up already.
var looks = []time.Duration{0, 250 * time.Millisecond, time.Second, 4 * time.Second}

// Watch calls pressed each time that a power button is pressed which is among the
// input devices in dir ("/dev/input"), from goroutines of its own. It looks for them
// a few times in the first seconds, and returns when there are none, or when those
// that there were have gone, or ctx is done. A folder that does not exist costs one
// system call each time.
func Watch(ctx context.Context, dir string, pressed func()) {
	var readers sync.WaitGroup
	defer readers.Wait()
	open := make(map[string]bool)
	start := time.Now()
	for _, at := range looks {
		select {
		case <-ctx.Done():
			return
		case <-time.After(at - time.Since(start)):
		}
		names, _ := filepath.Glob(filepath.Join(dir, "event*")) // the pattern is good
		for _, name := range names {
			if open[name] {
				continue
			}
			f, err := os.Open(name)
			if err != nil {
				continue // perhaps it works the next time
			}
			open[name] = true
			readers.Go(func() { read(ctx, f, pressed) })
		}
	}
}

// read reads a device's events until it has gone or ctx is done. It waits in the
// runtime's poller, so that no thread is held.
func read(ctx context.Context, f *os.File, pressed func()) {
	defer f.Close()
	defer context.AfterFunc(ctx, func() { f.Close() })()
	var events [batch * eventSize]byte
	for {
		n, err := f.Read(events[:])
		if err != nil {
			return
		}
		for b := events[:n]; len(b) >= eventSize; b = b[eventSize:] {
			if isPress(b) {
				pressed()
			}
		}
	}
}

// isPress tells whether an event is the press of a power button.
func isPress(event []byte) bool {
	order := binary.NativeEndian
	return order.Uint16(event[typeAt:]) == typeKey && order.Uint16(event[codeAt:]) == keyPower &&
		order.Uint32(event[valueAt:]) == valueDown
}
