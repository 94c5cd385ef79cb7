// SPDX-License-Identifier: MIT OR Apache-2.0

package mmio

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestManyCPUs has several vCPUs write any registers at once, while the device
// changes its configuration space and queues break. The device works afterwards.
func TestManyCPUs(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		dev := &echo{}
		l := &linux{board: newBoard(t, dev, w)}
		// Memory whose rings the device does not take for a driver's.
		_, mem, err := l.arena.Alloc(64<<10, 4096)
		require.NoError(t, err)
		clear(mem)
		end := time.Now().Add(300 * time.Millisecond)
		var wg sync.WaitGroup
		for cpu := range uint64(4) {
			wg.Go(func() {
				r := rand.New(rand.NewPCG(cpu, 1))
				for n := 0; time.Now().Before(end); n++ {
					switch r.IntN(8) {
					case 0:
						for _, s := range setUp {
							l.set(s[0], uint32(s[1]))
						}
					case 1:
						l.write(0x100+r.Uint64N(24), make([]byte, 1+r.IntN(8)))
					case 2, 3:
						l.set(regInterruptACK, l.get(regInterruptStatus))
					case 4:
						l.set(QueueNotify, r.Uint32N(3))
					default:
						l.set(writable[r.IntN(len(writable))], r.Uint32N(virtqtest.Base*3))
					}
					l.get(r.Uint64N(Size/4) * 4)
				}
			})
		}
		wg.Go(func() {
			for i := byte(0); time.Now().Before(end); i++ {
				dev.Change(int(i%20), i)
				if q := dev.Running(int(i % 2)); q != nil && i%7 == 0 {
					q.Fail(errGone)
				}
			}
		})
		virtiotest.Within(t, "a vCPU", wg.Wait)
		l.probe(virtio.IDConsole, ^uint64(0))
		l.echoes(0)
		l.echoes(1)
	})
}

// TestAcknowledge: no interrupt is lost between a device that raises them and a
// guest that acknowledges them.
func TestAcknowledge(t *testing.T) {
	both(t, func(t *testing.T, w wiring) {
		l := &linux{board: newBoard(t, &echo{}, w)}
		l.probe(virtio.IDConsole, ^uint64(0))
		var wg sync.WaitGroup
		for i := range 2 {
			in, _, err := l.arena.Buffer(8, false)
			require.NoError(t, err)
			// Each guest CPU has a queue. The first sleeps until the interrupt, which
			// both queues raise; the second polls.
			n := 0
			wg.Go(func() {
				used := make([]virtqtest.Done, 16)
				for end := time.Now().Add(patience); n < 2000; {
					if _, err := l.queues[i].Add(in); err != nil {
						t.Error(err)
						return
					}
					l.queues[i].Kick()
					for got := 0; got == 0; {
						if time.Now().After(end) {
							t.Errorf("queue %d: chain %d is not used", i, n)
							return
						}
						if i == 0 && !l.queues[0].EnableInterrupts() {
							if !l.interrupted(patience) {
								t.Errorf("queue 0: chain %d: no interrupt", n)
								return
							}
							l.interrupt()
						}
						runtime.Gosched()
						got, _ = l.queues[i].Reap(used)
						n += got
					}
				}
			})
		}
		virtiotest.Within(t, "the guest", wg.Wait)
	})
}
