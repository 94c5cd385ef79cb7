// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"context"
	"testing"

	"arcbox.dev/runtime/virtio/virtiotest"
)

// FuzzQueue runs a queue of any kind with chains of arbitrary make. The invariants:
// nothing is discarded but whole pages of guest memory, statistics are asked for and
// end, and all chains are given back unless the driver broke the rules.
func FuzzQueue(f *testing.F) {
	f.Add(uint8(inflateQueue), []byte{1, 1, 0, 0, 16, 0, 0, 0, 0x10, 0, 0, 0, 0x11, 0, 0, 0, 0xff, 0xff, 0xff, 0xff})
	f.Add(uint8(inflateQueue), []byte{2, 2, 0, 1, 0, 0xff, 0x81, 1, 1, 9, 7, 0, 0, 0}) // large, and an odd end
	f.Add(uint8(deflateQueue), []byte{1, 1, 0, 0, 0xff, 0xff, 0, 0})
	f.Add(uint8(statsQueue), []byte{2, 2, 0, 1, 0, 20, 0, 0, 0, 0, 9, 0, 2, 0, 4, 0, 1, 1, 1})
	f.Add(uint8(reportQueue), []byte{1, 2, 0, 0, 0, 0x82, 3, 1, 1, 0, 0x83, 2, 0})
	f.Fuzz(func(t *testing.T, queue uint8, script []byte) {
		i := int(queue % queues)
		h, err := virtiotest.NewHostile(8, script)
		if err != nil {
			t.Fatal(err)
		}
		d := New(h.Memory, func(addr, n uint64) error {
			if _, err := h.Memory.Slice(addr, n); err != nil || n == 0 || (addr|n)%pageSize != 0 {
				t.Errorf("discarding %#x bytes at %#x: %v", n, addr, err)
			}
			return nil
		})
		if err := d.StartQueue(i, h.Queue, allFeatures); err != nil {
			t.Fatal(err)
		}
		err = h.Settle()
		if i == statsQueue {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			_, _ = d.Stats(ctx)
		}
		d.StopQueue(i)
		if n := h.Queue.InFlight(); err == nil && n != 0 {
			t.Fatalf("%d chains were not given back", n)
		}
	})
}

// FuzzConfig writes and reads the configuration space anywhere.
func FuzzConfig(f *testing.F) {
	f.Add(uint32(4), []byte{1, 2, 3, 4})
	f.Add(uint32(2), []byte{1, 2, 3, 4, 5, 6, 7, 8})
	f.Add(uint32(1<<32-1), []byte{1, 2})
	f.Fuzz(func(t *testing.T, off uint32, p []byte) {
		d := New(nil, nil)
		got := make([]byte, len(p))
		d.WriteConfig(off, p)
		d.ReadConfig(off, got)
		for i, b := range got {
			at := uint64(off) + uint64(i)
			if writable := at >= 4 && at < 8; writable && b != p[i] || !writable && b != 0 {
				t.Fatalf("%#x at %d after %#x was written", b, at, p[i])
			}
		}
	})
}
