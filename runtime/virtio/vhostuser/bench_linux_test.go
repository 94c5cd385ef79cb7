// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq/virtqtest"
)

// BenchmarkEcho sends batches of 64-byte messages to the echo device and waits for
// the interrupt that says that they are back: kick, device, call. An operation is
// one message; with batch=1 it is a round trip, otherwise a batch's share. Where
// the two sides run, on one processor or two, is up to the scheduler, and decides
// what a wake-up costs: run it under taskset to know.
func BenchmarkEcho(b *testing.B) {
	for _, call := range []string{"eventfd", "socket"} {
		for _, batch := range []int{1, 8, 64} {
			b.Run(fmt.Sprintf("call=%s/batch=%d", call, batch), func(b *testing.B) {
				_, _, path := startBackend(b, nil)
				g := newGuest(b, umlRegions())
				q := g.addQueue(256, allOptions, call == "socket")
				g.connectUML(dial(b, path))
				q.roundTrip("warm")
				require.NoError(b, unix.SetNonblock(q.callEnd, false))
				drained := make([]byte, 4096)
				done := make([]virtqtest.Done, batch)
				b.SetBytes(64)
				b.ReportAllocs()
				b.ResetTimer()
				for sent := 0; sent < b.N; sent += batch {
					for range batch {
						if _, err := q.Add(q.inB, q.ouB); err != nil {
							b.Fatal(err)
						}
					}
					q.Kick()
					for back := 0; back < batch; {
						n, err := q.Reap(done)
						if err != nil {
							b.Fatal(err)
						}
						if back += n; n > 0 || q.EnableInterrupts() {
							continue
						}
						if _, err := unix.Read(q.callEnd, drained); err != nil && err != unix.EINTR {
							b.Fatal(err)
						}
					}
				}
			})
		}
	}
}

// BenchmarkSignal is what it costs to raise an interrupt that nobody waits for.
func BenchmarkSignal(b *testing.B) {
	for _, kind := range []string{"eventfd", "socket"} {
		b.Run("call="+kind, func(b *testing.B) {
			c := &call{fd: -1}
			if kind == "eventfd" {
				fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
				require.NoError(b, err)
				c.set(fd, false)
			} else {
				pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
				require.NoError(b, err)
				defer unix.Close(pair[1])
				c.set(pair[0], true)
			}
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Signal(); err != nil {
					b.Fatal(err)
				}
			}
			c.set(-1, false)
		})
	}
}

// BenchmarkConnect is a front end's whole life: connection, set-up of two queues
// in User-Mode Linux's order, and its end.
func BenchmarkConnect(b *testing.B) {
	_, _, path := startBackend(b, nil)
	g := newGuest(b, umlRegions())
	g.addQueue(256, allOptions, true)
	g.addQueue(256, allOptions, true)
	b.ReportAllocs()
	for b.Loop() {
		f := dial(b, path)
		g.connectUML(f)
		require.NoError(b, f.Close())
	}
}
