// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// TestPushBatch: from every place in the ring and for every length, the driver
// finds what Push would have left.
func TestPushBatch(t *testing.T) {
	const size = 8
	d, q, buf := pair(t, size, virtq.Options{})
	chains, done := make([]virtq.Chain, size), make([]virtqtest.Done, size)
	for start := range size {
		for n := range size + 1 {
			for i := range n {
				_, err := d.Add(buf)
				require.NoError(t, err, i)
			}
			d.Publish()
			got, err := q.Pop(chains)
			require.NoError(t, err)
			require.Equal(t, n, got)
			want := []virtqtest.Done{}
			for i := range chains[:n] {
				require.Zero(t, chains[i].Written, "of the chain that was here before")
				chains[i].Written = uint32(100*start + i)
				want = append(want, virtqtest.Done{Head: chains[i].Head, Written: chains[i].Written})
			}
			q.PushBatch(chains[:n])
			require.Zero(t, q.InFlight())
			q.Publish()
			got, err = d.Reap(done)
			require.NoError(t, err)
			require.Equal(t, want, done[:got])
		}
	}
}

// TestPopKinds: whatever order chains of one descriptor, of several, and of either
// region come in, and whatever the Chains held before, Pop returns each as it is.
func TestPopKinds(t *testing.T) {
	m := make(image, imageSize)
	mem, err := m.memory()
	require.NoError(t, err)
	const far = imageBase + imageSplit + 0x100 // in the second region
	m.desc(0, bufferAddr, 8, 0, 0)
	m.desc(1, bufferAddr, 16, fWrite, 0)
	m.desc(2, far, 24, 0, 0)
	m.desc(3, far, 32, fWrite, 0)
	m.desc(4, bufferAddr, 8, fNext, 1)
	m.desc(5, far, 8, fNext, 3)
	m.desc(6, imageBase+imageSplit-4, 8, fWrite, 0) // across both
	m.desc(7, bufferAddr, 0, 0, 0)
	want := [][2][]int{{{8}, {}}, {{}, {16}}, {{24}, {}}, {{}, {32}}, {{8}, {16}}, {{8}, {32}}, {{}, {4, 4}}, {{}, {}}}
	lengths := func(segs []guestmem.Segment) []int {
		n := []int{}
		for _, s := range segs {
			require.Equal(t, s.Len(), cap(s.Bytes()), "a buffer must not grow into what follows")
			n = append(n, s.Len())
		}
		return n
	}
	chains := make([]virtq.Chain, 3)
	for a := range uint16(imageQueue) {
		for b := range uint16(imageQueue) {
			for c := range uint16(imageQueue) {
				q, err := virtq.New(mem, imageLayout, virtq.Options{})
				require.NoError(t, err)
				m.avail(a, b, c)
				n, err := q.Pop(chains)
				require.NoError(t, err)
				require.Equal(t, 3, n)
				for i, head := range []uint16{a, b, c} {
					got := &chains[i]
					require.Equal(t, head, got.Head)
					require.Equal(t, want[head][0], lengths(got.Readable()))
					require.Equal(t, want[head][1], lengths(got.Writable()))
					require.Equal(t, len(got.Readable()), cap(got.Readable()))
					require.Equal(t, len(got.Writable()), cap(got.Writable()))
				}
			}
		}
	}
}
