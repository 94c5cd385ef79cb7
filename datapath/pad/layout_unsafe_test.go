// SPDX-License-Identifier: MIT OR Apache-2.0

package pad

import (
	"testing"
	"unsafe" // for Offsetof, Sizeof and Alignof alone

	"github.com/stretchr/testify/require"
)

func TestLayout(t *testing.T) {
	require.EqualValues(t, Size, unsafe.Sizeof(Line{}))
	require.EqualValues(t, 8, unsafe.Sizeof(Word{}))
	require.EqualValues(t, 0, unsafe.Offsetof(Word{}.v))

	var u Uint64
	require.EqualValues(t, Size, unsafe.Offsetof(u.Word))
	require.EqualValues(t, 2*Size, unsafe.Sizeof(u))

	// In an array, whose elements can begin anywhere, two words are a whole line apart on either side.
	var a [2]Uint64
	gap := uintptr(unsafe.Pointer(&a[1].Word)) - uintptr(unsafe.Pointer(&a[0].Word))
	require.GreaterOrEqual(t, gap, uintptr(2*Size))
}

func TestWordIsAligned(t *testing.T) {
	// On 32-bit architectures a uint64 behind a uint32 would be aligned to 4 bytes, and atomics on it would fault.
	var s struct {
		_ uint32
		w Word
	}
	require.EqualValues(t, 8, unsafe.Offsetof(s.w))
	require.EqualValues(t, 8, unsafe.Alignof(s.w))
}
