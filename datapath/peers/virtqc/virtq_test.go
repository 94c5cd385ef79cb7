// SPDX-License-Identifier: MIT OR Apache-2.0

package virtqc

import (
	"errors"
	"fmt"
	"testing"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

const queueSize = 256

func BenchmarkVirtq(b *testing.B) {
	for _, chain := range []int{1, 3} {
		for _, batch := range []int{1, 32} {
			name := fmt.Sprintf("chain=%d/batch=%d", chain, batch)
			b.Run("impl=arcbox/"+name, func(b *testing.B) { measure(b, chain, batch) })
			b.Run("impl=c/"+name, func(b *testing.B) { measureC(b, chain, batch) })
		}
	}
}

func measure(b *testing.B, chain, batch int) {
	d, q := filled(b, chain)
	chains := make([]virtq.Chain, batch)
	index := uint16(0)
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N; left > 0; {
		n := min(left, batch)
		index += uint16(n)
		d.SetAvail(0, index)
		q.DisableKicks()
		if got, err := q.Pop(chains); err != nil || got != n {
			b.Fatalf("Pop = %d, %v, want %d", got, err, n)
		}
		done := chains[:n]
		for i := range done {
			done[i].Written = 1
		}
		q.PushBatch(done)
		q.Publish()
		q.EnableKicks()
		left -= n
	}
}

// filled makes a queue whose available ring is full of chains: one readable
// descriptor, the others writable.
func filled(b *testing.B, chain int) (*virtqtest.Driver, *virtq.Queue) {
	a, err := virtqtest.NewMemory(1 << 20)
	if err != nil {
		b.Fatal(err)
	}
	d, q, err := virtqtest.NewPair(a, queueSize, virtqtest.Options{})
	if err != nil {
		b.Fatal(err)
	}
	bufs := make([]virtqtest.Buffer, chain)
	for i := range bufs {
		if bufs[i], _, err = a.Buffer(64, i > 0); err != nil {
			b.Fatal(err)
		}
	}
	var heads []uint16
	for {
		head, err := d.Add(bufs...)
		if errors.Is(err, virtqtest.ErrFull) {
			break
		}
		if err != nil {
			b.Fatal(err)
		}
		heads = append(heads, head)
	}
	for i := range uint16(queueSize) {
		d.SetAvailEntry(i, heads[int(i)%len(heads)])
	}
	return d, q
}
