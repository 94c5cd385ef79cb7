// SPDX-License-Identifier: MIT OR Apache-2.0

package nat

import (
	"testing"
	"unsafe" // offsets of fields, and addresses that are looked at and not used

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/pad"
)

// TestLayout: a flow is a cache line, on a cache line; and what shards write lies
// apart from whatever is beside them in memory.
func TestLayout(t *testing.T) {
	require.Equal(t, uintptr(64), unsafe.Sizeof(flow{}))
	require.Equal(t, uintptr(192), unsafe.Sizeof(session{}))
	require.Equal(t, uintptr(32), unsafe.Sizeof(fastEntry{}))
	var s slab[session]
	for range 3 * chunkSize {
		require.Zero(t, uintptr(unsafe.Pointer(s.at(s.get())))%64)
	}
	require.GreaterOrEqual(t, unsafe.Offsetof(Shard{}.nat), uintptr(pad.Size))
	require.GreaterOrEqual(t, unsafe.Sizeof(Shard{})-unsafe.Offsetof(Shard{}.due)-unsafe.Sizeof(Shard{}.due), uintptr(pad.Size))
	require.GreaterOrEqual(t, unsafe.Offsetof(NAT{}.limits)+unsafe.Offsetof(limits{}.zones)-unsafe.Offsetof(NAT{}.limits), uintptr(2*pad.Size))
}
