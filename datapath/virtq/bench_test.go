// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// cycle is a queue of 256 whose available ring was filled beforehand, so that all
// the driver does is to move the index.
type cycle struct {
	driver *virtqtest.Driver
	queue  *virtq.Queue
	chains []virtq.Chain
	index  uint16
}

func newCycle(tb testing.TB, batch, length int, o virtq.Options) *cycle {
	const size = 256
	d, q, buf := pair(tb, size, o)
	bufs := make([]virtqtest.Buffer, length)
	for i := range bufs {
		bufs[i] = buf
		bufs[i].Writable = i > 0
	}
	add := d.Add
	if o.Indirect {
		add = d.AddIndirect
	}
	heads := []uint16{}
	for {
		head, err := add(bufs...)
		if err != nil {
			break
		}
		heads = append(heads, head)
	}
	require.NotEmpty(tb, heads)
	for i := range uint16(size) {
		d.SetAvailEntry(i, heads[int(i)%len(heads)])
	}
	return &cycle{driver: d, queue: q, chains: make([]virtq.Chain, batch)}
}

// run passes one batch through the queue.
func (c *cycle) run(tb testing.TB) {
	c.index += uint16(len(c.chains))
	c.driver.SetAvail(0, c.index)
	c.queue.DisableKicks()
	n, err := c.queue.Pop(c.chains)
	if err != nil || n != len(c.chains) {
		tb.Fatalf("Pop = %d, %v", n, err)
	}
	for i := range c.chains {
		c.chains[i].Written = 1
	}
	c.queue.PushBatch(c.chains)
	c.queue.Publish()
	c.queue.EnableKicks()
}

func TestNoAllocations(t *testing.T) {
	for _, o := range []virtq.Options{{}, {EventIdx: true}, {Indirect: true}} {
		for _, length := range []int{1, 4} {
			c := newCycle(t, 32, length, o)
			c.run(t) // gives the chains their storage
			require.Zero(t, testing.AllocsPerRun(100, func() { c.run(t) }))
		}
	}
}

// BenchmarkPopPush is the device's part: a batch is popped, pushed and published,
// kicks are disabled before and enabled after. ns/chain is the figure to look at.
func BenchmarkPopPush(b *testing.B) {
	for _, batch := range []int{1, 32, 256} {
		for _, length := range []int{1, 2, 4} {
			for _, indirect := range []bool{false, true} {
				for _, event := range []bool{false, true} {
					name := fmt.Sprintf("batch=%d/chain=%d/indirect=%v/event=%v", batch, length, indirect, event)
					b.Run(name, func(b *testing.B) {
						c := newCycle(b, batch, length, virtq.Options{EventIdx: event, Indirect: indirect})
						c.run(b)
						b.ReportAllocs()
						for b.Loop() {
							c.run(b)
						}
						b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/chain")
					})
				}
			}
		}
	}
}

// BenchmarkWire is both sides in one goroutine: a driver that adds and reaps, a
// device that pops and pushes, with all that both write.
func BenchmarkWire(b *testing.B) {
	for _, batch := range []int{1, 32} {
		for _, indirect := range []bool{false, true} {
			b.Run(fmt.Sprintf("batch=%d/chain=2/indirect=%v", batch, indirect), func(b *testing.B) {
				d, q, buf := pair(b, 256, virtq.Options{EventIdx: true, Indirect: indirect})
				bufs := []virtqtest.Buffer{buf, {Addr: buf.Addr, Len: 8, Writable: true}}
				chains, done := make([]virtq.Chain, batch), make([]virtqtest.Done, batch)
				add := d.Add
				if indirect {
					add = d.AddIndirect
				}
				b.ReportAllocs()
				for b.Loop() {
					for range batch {
						if _, err := add(bufs...); err != nil {
							b.Fatal(err)
						}
					}
					d.Publish()
					if n, err := q.Pop(chains); err != nil || n != batch {
						b.Fatal(n, err)
					}
					for i := range chains {
						q.Push(chains[i].Head, 8)
					}
					q.Publish()
					if n, err := d.Reap(done); err != nil || n != batch {
						b.Fatal(n, err)
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/chain")
			})
		}
	}
}
