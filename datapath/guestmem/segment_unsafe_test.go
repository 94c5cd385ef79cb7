// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package guestmem

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestSegmentLayout: the kernel takes a Segment for a struct iovec.
func TestSegmentLayout(t *testing.T) {
	var s Segment
	var v unix.Iovec
	require.Equal(t, unsafe.Sizeof(v), unsafe.Sizeof(s))
	require.Equal(t, unsafe.Offsetof(v.Base), unsafe.Offsetof(s.base))
	require.Equal(t, unsafe.Offsetof(v.Len), unsafe.Offsetof(s.len))
	require.Equal(t, unsafe.Sizeof(v.Len), unsafe.Sizeof(s.len))
}
