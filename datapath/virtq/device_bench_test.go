// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"fmt"
	"testing"

	"arcbox.dev/datapath/virtq"
)

// BenchmarkDevice is what testdata/device.c does in C, under the same names: the
// device's part for chains of one descriptor, pushed by the batch.
func BenchmarkDevice(b *testing.B) {
	for _, batch := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("impl=go/batch=%d", batch), func(b *testing.B) {
			c := newCycle(b, batch, 1, virtq.Options{})
			c.runBatch(b)
			b.ReportAllocs()
			for b.Loop() {
				c.runBatch(b)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/chain")
		})
	}
}

// runBatch is run with one call to push.
func (c *cycle) runBatch(tb testing.TB) {
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
