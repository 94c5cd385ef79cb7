// SPDX-License-Identifier: MIT OR Apache-2.0

package checksums

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	tailscale "github.com/tailscale/wireguard-go/tun"
	gvisor "gvisor.dev/gvisor/pkg/tcpip/checksum"

	"arcbox.dev/datapath/checksum"
)

// A contender is one implementation as the benchmark takes it.
type contender struct {
	name string
	// start returns what sums the first size bytes of the pattern n times. It skips if the host lacks something.
	start func(testing.TB) func(size, n int) (time.Duration, uint16)
}

// contenders lists all implementations. impl=arcbox is what users call, in this process, by whatever Implementation
// says; the others of arcbox are workers.
func contenders() []contender {
	here := func(l loop) func(testing.TB) func(int, int) (time.Duration, uint16) {
		return func(testing.TB) func(int, int) (time.Duration, uint16) {
			return func(size, n int) (time.Duration, uint16) { return l(hot[:size], n) }
		}
	}
	there := func(start func(testing.TB) *worker) func(testing.TB) func(int, int) (time.Duration, uint16) {
		return func(tb testing.TB) func(int, int) (time.Duration, uint16) {
			w := start(tb)
			return func(size, n int) (time.Duration, uint16) { return w.loop(tb, size, n) }
		}
	}
	arcbox := func(implementation, off string) func(testing.TB) func(int, int) (time.Duration, uint16) {
		return there(func(tb testing.TB) *worker { return arcboxWorker(tb, implementation, off) })
	}
	c := func(instructions string) func(testing.TB) func(int, int) (time.Duration, uint16) {
		return there(func(tb testing.TB) *worker { return cWorker(tb, instructions) })
	}
	return []contender{
		{"arcbox", here(arcboxLoop)},
		{"arcbox-vnni", arcbox("avx512vnni", "")},
		{"arcbox-avx2", arcbox("avx2", "cpu.avx512vnni=off")},
		{"arcbox-portable", arcbox("portable", "cpu.avx512vnni=off,cpu.avx2=off")},
		{"tailscale", here(tailscaleLoop)},
		{"gvisor", here(gvisorLoop)},
		{"c-avx2", c("avx2")},
		{"c-vnni", c("vnni")},
	}
}

// BenchmarkChecksum sums a buffer that stays in the first-level caches, or in the second for 65536 bytes. Times are by
// the clock of the process that sums.
func BenchmarkChecksum(b *testing.B) {
	for _, size := range []int{20, 64, 576, 1460, 9000, 65536} {
		for _, c := range contenders() {
			b.Run(fmt.Sprintf("impl=%s/size=%d/at=hot", c.name, size), func(b *testing.B) {
				sum := c.start(b)
				sum(size, 1000)
				b.SetBytes(int64(size))
				b.ResetTimer()
				elapsed, _ := sum(size, b.N)
				b.StopTimer()
				ns := float64(elapsed.Nanoseconds())
				b.ReportMetric(ns/float64(b.N), "ns/op")
				b.ReportMetric(float64(size)*float64(b.N)/ns*1e3, "MB/s")
			})
		}
	}
}

// TestContendersAgree compares all of them with the definition over the sizes that take every way through them.
func TestContendersAgree(t *testing.T) {
	sizes := []int{1, 2, 3, 7, 8, 9, 20, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 576, 1459, 1460, 9000, 9001, longest - 1, longest}
	for _, c := range contenders() {
		t.Run(c.name, func(t *testing.T) {
			sum := c.start(t)
			for _, size := range sizes {
				if _, got := sum(size, 1); !same(got, slowSum(hot[:size])) {
					t.Errorf("size %d: got %#04x, want %#04x", size, got, slowSum(hot[:size]))
				}
			}
		})
	}
}

// TestPeersAgree gives random bytes of random lengths and alignments, and an initial sum, to those that take them.
func TestPeersAgree(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	buf := make([]byte, 12000)
	for i := range buf {
		buf[i] = byte(r.Uint32())
	}
	for range 20000 {
		buf[r.IntN(len(buf))] = byte(r.Uint32())
		b := buf[r.IntN(64):]
		b = b[:r.IntN([]int{70, 1500, 9000}[r.IntN(3)])]
		initial := uint16(r.Uint32())
		ours := checksum.Sum(b, initial)
		if got := gvisor.Checksum(b, initial); !same(got, ours) {
			t.Fatalf("gvisor, length %d, initial %#04x: %#04x, ours %#04x", len(b), initial, got, ours)
		}
		if got := tailscale.Checksum(b, initial); !same(got, ours) {
			t.Fatalf("tailscale, length %d, initial %#04x: %#04x, ours %#04x", len(b), initial, got, ours)
		}
	}
}
