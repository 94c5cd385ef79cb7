// SPDX-License-Identifier: MIT OR Apache-2.0

package pad

import (
	"testing"
	"unsafe" // for Offsetof, Sizeof and Alignof alone

	"github.com/stretchr/testify/require"
)

func TestLayout(t *testing.T) {
	require.EqualValues(t, Size, unsafe.Sizeof(Line{}))

	var u Uint64
	require.EqualValues(t, Size, unsafe.Offsetof(u.Uint64))
	require.EqualValues(t, 2*Size, unsafe.Sizeof(u))

	// In an array, whose elements can begin anywhere, two words are a whole line apart on either side.
	var a [2]Uint64
	gap := uintptr(unsafe.Pointer(&a[1].Uint64)) - uintptr(unsafe.Pointer(&a[0].Uint64))
	require.GreaterOrEqual(t, gap, uintptr(2*Size))
}
