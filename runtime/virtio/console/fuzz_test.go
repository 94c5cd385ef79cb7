// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"io"
	"testing"

	"arcbox.dev/runtime/virtio/virtiotest"
)

const fuzzSize = 8

// FuzzOutput transmits chains of arbitrary make. The invariants: no panic, no hang,
// and all chains are given back unless the driver broke the rules.
func FuzzOutput(f *testing.F) {
	f.Add([]byte{1, 1, 0, 0, 5, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'})
	f.Add([]byte{2, 2, 0, 1, 0, 0xff, 0xff, 1, 1, 0, 0, 1, 0, 0}) // large
	f.Add([]byte{1, 2, 0, 0, 1, 0, 1, 1, 0, 1, 0, 1, 0})          // a cycle
	f.Add([]byte{9})                                              // more chains than descriptors
	f.Add([]byte{1, 1, 0, 3, 0, 1, 2, 0})                         // writable
	f.Fuzz(func(t *testing.T, script []byte) {
		h, err := virtiotest.NewHostile(fuzzSize, script)
		if err != nil {
			t.Fatal(err)
		}
		d := New(io.Discard, Options{})
		if err := d.StartQueue(transmitQueue, h.Queue, 0); err != nil {
			t.Fatal(err)
		}
		err = h.Settle()
		d.StopQueue(transmitQueue)
		if n := h.Queue.InFlight(); err == nil && n != 0 {
			t.Fatalf("%d chains were not given back", n)
		}
	})
}

// FuzzInput receives into chains of arbitrary make. The guest gets no byte twice, and
// what it does not get stays.
func FuzzInput(f *testing.F) {
	f.Add([]byte{1, 1, 0, 0, 100, 0, 2, 0}, uint16(10))
	f.Add([]byte{1, 1, 0, 0, 100, 0, 2, 0}, uint16(1000)) // not enough
	f.Add([]byte{1, 1, 0, 0, 100, 0, 0, 0}, uint16(10))   // readable
	f.Add([]byte{2, 3, 0, 1, 0, 1, 0, 3, 2, 0, 9, 0, 2, 0, 0, 9, 0, 2, 0}, uint16(50))
	f.Fuzz(func(t *testing.T, script []byte, typed uint16) {
		h, err := virtiotest.NewHostile(fuzzSize, script)
		if err != nil {
			t.Fatal(err)
		}
		d := New(io.Discard, Options{})
		n, err := d.Input().Write(make([]byte, typed%inputSize))
		if err != nil || n != int(typed%inputSize) {
			t.Fatalf("%d bytes typed: %v", n, err)
		}
		if err := d.StartQueue(receiveQueue, h.Queue, 0); err != nil {
			t.Fatal(err)
		}
		_ = h.Settle()
		d.StopQueue(receiveQueue)
		if got := int(d.Counters()["input_bytes"]); got > n || d.rx.n > n {
			t.Fatalf("%d bytes given and %d left of %d", got, d.rx.n, n)
		}
	})
}

// FuzzConfig reads and writes the configuration space anywhere.
func FuzzConfig(f *testing.F) {
	f.Add(uint32(0), []byte{1, 2, 3, 4})
	f.Add(uint32(emergencyAt), []byte{1})
	f.Add(uint32(1<<32-1), []byte{1, 2})
	f.Fuzz(func(t *testing.T, off uint32, p []byte) {
		d := New(io.Discard, Options{Columns: 0xffff, Rows: 0xffff})
		d.WriteConfig(off, p)
		d.ReadConfig(off, p)
		for i, b := range p {
			if at := uint64(off) + uint64(i); (b != 0) != (at < 4) {
				t.Fatalf("%#x at %d", b, at)
			}
		}
	})
}
