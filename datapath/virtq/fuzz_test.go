// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"testing"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
)

// FuzzQueue serves a queue whose memory and place come from outside, and compares
// each Pop with the reference: the same chains, wholly inside memory, or an error.
func FuzzQueue(f *testing.F) {
	l := imageLayout
	for _, h := range hostiles {
		m := make(image, imageSize)
		h.build(m)
		f.Add(bytes.TrimRight(m, "\x00"), l.Size, l.Desc, l.Avail, l.Used, h.direct, true)
	}
	m := make(image, imageSize)
	hostiles[0].build(m)
	for _, bad := range []virtq.Layout{
		{Size: 0, Desc: l.Desc, Avail: l.Avail, Used: l.Used},
		{Size: 7, Desc: l.Desc, Avail: l.Avail, Used: l.Used},
		{Size: 1, Desc: l.Desc, Avail: l.Avail, Used: l.Used},
		{Size: virtq.MaxSize, Desc: l.Desc, Avail: l.Avail, Used: l.Used},
		{Size: 8, Desc: l.Desc + 8, Avail: l.Avail, Used: l.Used},
		{Size: 8, Desc: l.Desc, Avail: l.Avail + 2, Used: l.Used},
		{Size: 8, Desc: l.Desc, Avail: l.Avail + 1, Used: l.Used},
		{Size: 8, Desc: l.Desc, Avail: l.Avail, Used: l.Used + 2},
		{Size: 8, Desc: l.Desc, Avail: imageBase + imageSize - 16, Used: l.Used},
		{Size: 8, Desc: l.Desc, Avail: imageBase + imageSplit - 2, Used: l.Used},
		{Size: 8, Desc: ^uint64(15), Avail: ^uint64(1), Used: ^uint64(3)},
		{Size: 8, Desc: l.Desc, Avail: l.Desc, Used: l.Desc},
	} {
		f.Add(bytes.TrimRight(m, "\x00"), bad.Size, bad.Desc, bad.Avail, bad.Used, false, false)
	}
	f.Fuzz(func(t *testing.T, data []byte, size uint16, desc, avail, used uint64, direct, eventIdx bool) {
		m := make(image, imageSize)
		copy(m, data)
		layout := virtq.Layout{Size: size, Desc: desc, Avail: avail, Used: used}
		fuzzQueue(t, m, layout, virtq.Options{EventIdx: eventIdx, Indirect: !direct})
	})
}

func fuzzQueue(t *testing.T, m image, l virtq.Layout, o virtq.Options) {
	mem, err := m.memory()
	if err != nil {
		t.Fatal(err)
	}
	q, err := virtq.New(mem, l, o)
	if err != nil {
		return
	}
	ref := &reference{image: m, split: imageSplit, layout: l, indirect: o.Indirect}
	chains := make([]virtq.Chain, 5)
	for range 40 {
		q.DisableKicks()
		want, reason := ref.pop(q, len(chains))
		n, err := q.Pop(chains)
		comparePop(t, m, chains[:n], err, want, reason)
		for i := range chains[:n] {
			c := &chains[i]
			for _, b := range c.Writable() {
				b.Bytes()[0]++ // also where the rings are
			}
			q.Push(c.Head, uint32(c.WritableLen()))
		}
		q.Publish()
		q.Unpop(1) // nothing is in flight
		more := q.EnableKicks()
		if more != q.Pending() {
			t.Fatalf("EnableKicks = %v, Pending = %v", more, q.Pending())
		}
		if !more {
			return
		}
	}
}

// pop is what the next Pop into n chains must return.
func (r *reference) pop(q *virtq.Queue, n int) (want []refChain, reason virtq.Reason) {
	var broken *virtq.Error
	if errors.As(q.Err(), &broken) {
		return nil, broken.Reason
	}
	next, published := q.Position()
	index := r.availIndex()
	if index-next > q.Size() || index-published > q.Size() {
		return nil, virtq.IndexJump
	}
	for ; next != index && len(want) < n; next++ {
		c, reason := r.chain(next)
		if reason != 0 && len(want) > 0 {
			return want, 0
		}
		if reason != 0 {
			return nil, reason
		}
		want = append(want, c)
	}
	return want, 0
}

func comparePop(t *testing.T, m image, got []virtq.Chain, err error, want []refChain, reason virtq.Reason) {
	t.Helper()
	if err != nil {
		var broken *virtq.Error
		if !errors.As(err, &broken) || len(got) != 0 || broken.Error() == "" {
			t.Fatalf("Pop = %d, %v", len(got), err)
		}
		// A device finds out about a cycle after some rounds only, when another
		// limit may be reached first.
		late := []virtq.Reason{virtq.TooLong, virtq.TooLarge, virtq.BadOrder}
		if broken.Reason != reason && !(reason == virtq.Cycle && slices.Contains(late, broken.Reason)) {
			t.Fatalf("Pop: %v, want %v", err, reason)
		}
		return
	}
	if reason != 0 || len(got) != len(want) {
		t.Fatalf("Pop = %d chains, want %d and reason %v", len(got), len(want), reason)
	}
	for i := range got {
		r, w := places(t, m, got[i].Readable()), places(t, m, got[i].Writable())
		if got[i].Head != want[i].head || !slices.Equal(r, want[i].readable) || !slices.Equal(w, want[i].writable) {
			t.Fatalf("chain %d: head %d, readable %v, writable %v, want %+v", i, got[i].Head, r, w, want[i])
		}
	}
}

// places finds out where in the image segments are, and fails if they are not.
func places(t *testing.T, m image, segs []guestmem.Segment) (s spans) {
	t.Helper()
	base := reflect.ValueOf([]byte(m)).Pointer()
	for _, seg := range segs {
		b := seg.Bytes()
		at := reflect.ValueOf(b).Pointer() - base // wraps to a large number for what is before
		if len(b) == 0 || len(b) != cap(b) || at >= imageSize || uintptr(len(b)) > imageSize-at {
			t.Fatalf("%d bytes outside guest memory", len(b))
		}
		s = s.add(int(at), len(b))
	}
	return s
}
