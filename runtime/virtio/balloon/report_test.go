// SPDX-License-Identifier: MIT OR Apache-2.0

package balloon

import (
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

func TestReport(t *testing.T) {
	const p = pageSize
	buf := func(addr uint64, n uint32) virtqtest.Buffer {
		return virtqtest.Buffer{Addr: addr, Len: n, Writable: true}
	}
	for _, tc := range []struct {
		name    string
		bufs    []virtqtest.Buffer
		want    []extent
		invalid int
	}{
		{"one", []virtqtest.Buffer{buf(p, 2*p)}, []extent{{p, 2 * p}}, 0},
		{"several", []virtqtest.Buffer{buf(5*p, p), buf(highAddr+60*p, 2*p), buf(0, p)},
			[]extent{{5 * p, p}, {highAddr + 60*p, 2 * p}, {0, p}}, 0},
		{"two regions", []virtqtest.Buffer{buf(6*p, 4*p)}, []extent{{6 * p, 2 * p}, {8 * p, 2 * p}}, 0},
		{"whole pages only", []virtqtest.Buffer{buf(p+1, 3*p)}, []extent{{2 * p, 2 * p}}, 0},
		{"ends within a page", []virtqtest.Buffer{buf(p, p+4095)}, []extent{{p, p}}, 0},
		{"less than a page", []virtqtest.Buffer{buf(p+1, p), buf(p, p-1), buf(3*p, 1)}, nil, 3},
		{"readable", []virtqtest.Buffer{{Addr: p, Len: p}, buf(2*p, p)}, []extent{{2 * p, p}}, 0},
	} {
		// A driver of no statistics has the queue one place before.
		for queue, features := range map[int]uint64{reportQueue: allFeatures, statsQueue: featureReporting} {
			t.Run(tc.name, func(t *testing.T) {
				g, h := newGuest(t, reportSize, virtq.Options{EventIdx: true}), &host{}
				d := New(g.mem, h.discard)
				require.NoError(t, d.StartQueue(queue, g.ring.Queue, features))
				defer d.StopQueue(queue)
				g.chain(tc.bufs...)
				require.Equal(t, tc.want, h.got)
				require.EqualValues(t, tc.invalid, d.Counters()["invalid"])
			})
		}
	}
}

// TestAddress looks up every kind of place.
func TestAddress(t *testing.T) {
	a, b := make([]byte, 100), make([]byte, 200)
	m, err := guestmem.New(guestmem.Region{Addr: 1000, Mem: a}, guestmem.Region{Addr: 5000, Mem: b[50:150]})
	require.NoError(t, err)
	for _, tc := range []struct {
		name string
		in   []byte
		want uint64 // 0 for none
	}{
		{"begin", a[:1], 1000},
		{"whole", a, 1000},
		{"end", a[99:], 1099},
		{"second region", b[50:60], 5000},
		{"end of the second", b[140:150], 5090},
		{"before", b[49:51], 0},
		{"across the end", b[149:151], 0},
		{"behind", b[150:160], 0},
		{"elsewhere", make([]byte, 10), 0},
		{"nowhere", nil, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, ok := address(m, tc.in)
			require.Equal(t, tc.want != 0, ok)
			require.Equal(t, tc.want, got)
		})
	}
}
