// SPDX-License-Identifier: MIT OR Apache-2.0

package pool

import (
	"testing"
	"unsafe" // for Offsetof and Sizeof alone

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/pad"
)

// TestLayout: what different cores write is 128 bytes apart, wherever the objects begin.
func TestLayout(t *testing.T) {
	var p Pool
	require.GreaterOrEqual(t, unsafe.Offsetof(p.free)+unsafe.Offsetof(p.free.mu), unsafe.Offsetof(p.slots)+unsafe.Sizeof(p.slots)+pad.Size)
	require.GreaterOrEqual(t, unsafe.Sizeof(p.free), unsafe.Offsetof(p.free.free)+unsafe.Sizeof(p.free.free)+pad.Size)

	var c Cache
	require.GreaterOrEqual(t, unsafe.Offsetof(c.pool), uintptr(pad.Size))
	require.GreaterOrEqual(t, unsafe.Sizeof(c), unsafe.Offsetof(c.held)+unsafe.Sizeof(c.held)+pad.Size)

	if !Debug {
		require.EqualValues(t, pad.Size, unsafe.Sizeof(slot{}))
		require.EqualValues(t, unsafe.Sizeof(&slot{}), unsafe.Sizeof(Buffer{}), "a handle is one pointer")
	}
}
