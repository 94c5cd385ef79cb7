// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"arcbox.dev/datapath/guestmem"
)

func TestHeaderRoundTrip(t *testing.T) {
	want := header{
		srcCID: 0x1122334455667788, dstCID: 0x99aabbccddeeff00, srcPort: 0x01020304, dstPort: 0x05060708,
		length: 0x090a0b0c, socketType: 0x0d0e, op: 0x0f10, flags: 0x11121314, bufAlloc: 0x15161718, fwdCount: 0x191a1b1c,
	}
	whole := make([]byte, headerSize)
	writeHeader(&want, guestmem.Segments(whole))
	// The layout of virtio 1.2 §5.10.6, little-endian.
	require.Equal(t, []byte{
		0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 0x00, 0xff, 0xee, 0xdd, 0xcc, 0xbb, 0xaa, 0x99,
		4, 3, 2, 1, 8, 7, 6, 5, 0x0c, 0x0b, 0x0a, 9, 0x0e, 0x0d, 0x10, 0x0f,
		0x14, 0x13, 0x12, 0x11, 0x18, 0x17, 0x16, 0x15, 0x1c, 0x1b, 0x1a, 0x19,
	}, whole)
	for size := 1; size <= headerSize; size++ {
		b := make([]byte, headerSize+3)
		split := guestmem.Segments(slices.Collect(slices.Chunk(b, size))...)
		writeHeader(&want, split)
		require.Equal(t, whole, b[:headerSize])
		require.Equal(t, make([]byte, 3), b[headerSize:])
		var got header
		require.True(t, readHeader(&got, split))
		require.Equal(t, want, got)
		require.False(t, readHeader(&got, guestmem.Segments(slices.Collect(slices.Chunk(whole[:headerSize-1], size))...)))
	}
}

func TestAppendPayload(t *testing.T) {
	data := pattern(0, headerSize+100)
	for size := 1; size < len(data); size += 3 {
		for _, limit := range []int{0, 1, 50, 100, 1000} {
			got, n := appendPayload(nil, guestmem.Segments(slices.Collect(slices.Chunk(data, size))...), limit)
			require.Equal(t, min(limit, 100), n)
			joined := make([]byte, n)
			require.Equal(t, n, guestmem.Gather(joined, got))
			require.Equal(t, data[headerSize:headerSize+n], joined)
		}
	}
}

func TestCreditFree(t *testing.T) {
	for _, test := range []struct {
		name string
		c    credit
		want uint32
	}{
		{"nothing yet", credit{}, 0},
		{"all", credit{alloc: 100}, 100},
		{"some", credit{alloc: 100, sent: 60, forwarded: 20}, 60},
		{"used up", credit{alloc: 100, sent: 100}, 0},
		{"counts wrap", credit{alloc: 100, sent: 20, forwarded: 1<<32 - 30}, 50},
		{"buffer shrank", credit{alloc: 10, sent: 60, forwarded: 20}, 0},
		{"forwarded more than was sent", credit{alloc: 100, sent: 10, forwarded: 11}, 0},
		{"the largest", credit{alloc: 1<<32 - 1, sent: 5}, 1<<32 - 6},
	} {
		require.Equal(t, test.want, test.c.free(), test.name)
	}
}

// TestWindowModel compares a window with counts that cannot wrap.
func TestWindowModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.Uint32().Draw(t, "start")
		w := window{size: 1 << 10, received: start, forwarded: start, toldForwarded: start}
		used := rapid.Uint32Range(0, 16<<10).Draw(t, "used")
		var received, forwarded, toldForwarded, toldSize uint64
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				n := rapid.Uint32Range(0, 3<<10).Draw(t, "n")
				want := received+uint64(n)-toldForwarded <= toldSize
				if got := w.admit(n); got != want {
					t.Fatalf("admit(%d) = %v", n, got)
				}
				if want {
					received += uint64(n)
				}
			case 1:
				n := rapid.Uint64Range(0, received-forwarded).Draw(t, "n")
				forwarded += n
				w.forwarded += uint32(n)
			case 2:
				hold := rapid.Bool().Draw(t, "hold")
				if toldSize = uint64(w.size); !hold {
					toldForwarded = forwarded
				}
				w.tell(hold)
				if !hold && w.due(used) {
					t.Fatal("due just after it was told")
				}
			case 3:
				if w.size < largeWindow {
					w.size *= 2
				}
			}
			freed := forwarded - toldForwarded
			if want := freed > 0 && freed >= uint64(min(w.size, used)/2) || toldSize != uint64(w.size); w.due(used) != want {
				t.Fatalf("due() = %v", !want)
			}
		}
	})
}

func TestPace(t *testing.T) {
	const limit = 50 * time.Millisecond
	w := window{size: 100, forwarded: 1<<32 - 100}
	var p pace
	now := time.Now()
	require.False(t, p.quick(&w, now, limit), "nothing to compare with yet")
	for _, step := range []struct {
		bytes uint32
		took  time.Duration
		want  bool
	}{
		{799, 49 * time.Millisecond, false}, // not many yet
		{1, 0, true},
		{800, limit, false},    // too slow
		{800, limit - 1, true}, // measured from there on
		{0, time.Hour, false},  // idle
		{10000, time.Microsecond, true},
	} {
		w.forwarded += step.bytes
		now = now.Add(step.took)
		require.Equal(t, step.want, p.quick(&w, now, limit), "%+v", step)
	}
}

// TestBacklogModel compares a backlog with a slice of bytes.
func TestBacklogModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var b backlog
	var model []byte
	off := 0
	for range 5000 {
		if rng.IntN(2) == 0 && len(model) < largeWindow {
			skip := rng.IntN(50)
			data := pattern(off, rng.IntN(3*chunkSize))
			off += len(data)
			segs := guestmem.Segments(make([]byte, skip))
			for part := range slices.Chunk(data, 1+rng.IntN(5000)) {
				segs = append(segs, guestmem.SegmentOf(part))
			}
			b.add(segs, skip)
			model = append(model, data...)
		} else {
			n := rng.IntN(len(model) + 1)
			if rng.IntN(20) == 0 {
				n = len(model)
			}
			b.drop(n)
			model = model[n:]
		}
		require.Equal(t, len(model), b.size)
		require.Equal(t, len(model) == 0, b.empty())
		require.LessOrEqual(t, len(b.chunks), len(model)/chunkSize+2)
		got := b.appendTo(nil, 5)
		require.LessOrEqual(t, len(got), 5)
		joined := make([]byte, guestmem.Total(got))
		guestmem.Gather(joined, got)
		require.True(t, bytes.HasPrefix(model, joined))
		if len(model) > 0 {
			require.GreaterOrEqual(t, len(joined), min(len(model), 4*chunkSize))
		}
	}
	b.drop(b.size)
	require.Equal(t, backlog{}, b)
}

// pattern is n bytes that tell at which offset of a stream they are.
func pattern(off, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		at := off + i
		b[i] = byte(at ^ at>>8 ^ at>>16)
	}
	return b
}
