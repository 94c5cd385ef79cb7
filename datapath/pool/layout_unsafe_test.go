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
	require.GreaterOrEqual(t, unsafe.Offsetof(p.free), unsafe.Offsetof(p.slots)+unsafe.Sizeof(p.slots)+pad.Size)
	require.GreaterOrEqual(t, unsafe.Sizeof(p), unsafe.Offsetof(p.free)+unsafe.Sizeof(p.free)+pad.Size)

	var s slot
	require.GreaterOrEqual(t, unsafe.Sizeof(s), unsafe.Offsetof(s.guard)+unsafe.Sizeof(s.guard)+pad.Size)

	if !Debug {
		require.EqualValues(t, unsafe.Sizeof(&s), unsafe.Sizeof(Buffer{}), "a handle is one pointer")
	}
}
