// SPDX-License-Identifier: MIT OR Apache-2.0

package ring

import (
	"runtime"
	"sync/atomic"
	"testing"

	"arcbox.dev/datapath/pad"
)

// TestPublishOrder is the message-passing litmus test: the payload, plain memory, is written before publish and read
// after load, and handed back the same way, so that a store or load on the wrong side of a publish shows as a value of
// another round. Under -race it also shows that publish and load are a happens-before edge there.
func TestPublishOrder(t *testing.T) {
	rounds := uint64(100_000)
	if testing.Short() {
		rounds = 20_000
	}
	var there, back index
	var payload [4]struct {
		v uint64
		_ pad.Line
	}
	wrong := make(chan uint64, 1)
	go func() {
		defer close(wrong)
		for i := uint64(1); i <= rounds; i++ {
			for spin := 0; there.load() != i; spin++ {
				if spin%256 == 255 {
					runtime.Gosched()
				}
			}
			for j := range payload {
				if got := payload[j].v; got != i+uint64(j) {
					wrong <- i
					return
				}
			}
			back.publish(i)
		}
	}()
	for i := uint64(1); i <= rounds; i++ {
		for j := range payload {
			payload[j].v = i + uint64(j)
		}
		there.publish(i)
		for spin := 0; back.load() != i; spin++ {
			if spin%256 == 255 {
				runtime.Gosched()
			}
			select {
			case r, bad := <-wrong:
				if bad {
					t.Fatalf("round %d: payload of another round", r)
				}
			default:
			}
		}
	}
}

func BenchmarkPublish(b *testing.B) {
	var w index
	b.Run("impl=publish", func(b *testing.B) {
		for i := range uint64(b.N) {
			w.publish(i)
		}
	})
	b.Run("impl=atomic", func(b *testing.B) {
		for i := range uint64(b.N) {
			atomic.StoreUint64(&w.v, i)
		}
	})
}
