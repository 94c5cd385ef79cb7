// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq

import (
	"reflect"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
)

// TestChainLayout: a chain is one cache line on 64-bit processors.
func TestChainLayout(t *testing.T) {
	if reflect.TypeFor[uintptr]().Size() == 8 {
		require.EqualValues(t, 64, reflect.TypeFor[Chain]().Size())
	}
}

// TestMadeChains: chains that were not popped, with zero, one and more segments.
func TestMadeChains(t *testing.T) {
	r, w := []byte("read"), []byte("written")
	for _, readable := range [][]guestmem.Segment{nil, guestmem.Segments(r), guestmem.Segments(r, r[1:])} {
		for _, writable := range [][]guestmem.Segment{nil, guestmem.Segments(w), guestmem.Segments(w[2:], w)} {
			made := MakeChain(7, readable, writable)
			made.Written = 3
			var c Chain
			for range 2 { // into storage that is there, too
				c.Copy(&made)
				require.Equal(t, uint16(7), c.Head)
				require.Equal(t, uint32(3), c.Written)
				require.Equal(t, append([]guestmem.Segment{}, readable...), append([]guestmem.Segment{}, c.Readable()...))
				require.Equal(t, append([]guestmem.Segment{}, writable...), append([]guestmem.Segment{}, c.Writable()...))
			}
			for _, s := range [][]guestmem.Segment{c.Readable(), c.Writable()} {
				clear(s) // the copy's own
			}
			require.Equal(t, guestmem.Total(readable), made.ReadableLen())
			require.Equal(t, guestmem.Total(writable), made.WritableLen())
		}
	}
}
