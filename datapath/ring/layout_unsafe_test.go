// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"testing"
	"unsafe" // for Offsetof and Sizeof alone

	"arcbox.dev/datapath/pad"
	"github.com/stretchr/testify/require"
)

// TestLayout asserts that words of different owners are a line apart, and from whatever lies around the ring too.
func TestLayout(t *testing.T) {
	const word = 8

	var s SPSC[uint64]
	side := unsafe.Sizeof(s.producer) - pad.Size // without its padding
	require.EqualValues(t, pad.Size, unsafe.Offsetof(s.producer))
	apart(t, unsafe.Offsetof(s.producer)+side, unsafe.Offsetof(s.tail)+pad.Size)
	apart(t, unsafe.Offsetof(s.tail)+pad.Size+word, unsafe.Offsetof(s.consumer))
	apart(t, unsafe.Offsetof(s.consumer)+side, unsafe.Offsetof(s.head)+pad.Size)
	apart(t, unsafe.Offsetof(s.head)+pad.Size+word, unsafe.Sizeof(s)+word)

	var f SlotSPSC[uint64]
	side = unsafe.Sizeof(f.producer) - pad.Size
	require.EqualValues(t, pad.Size, unsafe.Offsetof(f.producer))
	apart(t, unsafe.Offsetof(f.producer)+side, unsafe.Offsetof(f.consumer))
	apart(t, unsafe.Offsetof(f.consumer)+side, unsafe.Offsetof(f.head)+pad.Size)
	apart(t, unsafe.Offsetof(f.head)+pad.Size+word, unsafe.Sizeof(f)+word)

	var m MPSC[uint64]
	require.EqualValues(t, pad.Size, unsafe.Offsetof(m.consumer))
	tail := unsafe.Offsetof(m.producers) + unsafe.Offsetof(m.producers.tail) + pad.Size
	apart(t, unsafe.Offsetof(m.consumer)+side, tail)
	apart(t, tail+word, unsafe.Offsetof(m.producers)+unsafe.Offsetof(m.producers.slots)+word)

	var x MPMC[uint64]
	tail = unsafe.Offsetof(x.producers) + unsafe.Offsetof(x.producers.tail) + pad.Size
	head := unsafe.Offsetof(x.head) + pad.Size
	require.GreaterOrEqual(t, tail, uintptr(pad.Size))
	apart(t, tail+word, head)
	apart(t, head+word, unsafe.Offsetof(x.slots)+word)

	require.EqualValues(t, 16, unsafe.Sizeof(slot[uint64]{}), "slots are packed")
}

// apart asserts that what ends before offset end and what begins at offset begin never share a line of pad.Size bytes.
// Words are aligned to 8 bytes, so 120 bytes between them are enough.
func apart(t *testing.T, end, begin uintptr) {
	t.Helper()
	require.GreaterOrEqual(t, begin, end+pad.Size-8)
}
