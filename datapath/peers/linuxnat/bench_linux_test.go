// SPDX-License-Identifier: MIT OR Apache-2.0

package linuxnat

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var flowCounts = []int{1, 128}

// cpuTime is what the calling thread has used, in user mode and in the kernel.
func cpuTime() (time.Duration, error) {
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("reading the thread's CPU time: %w", err)
	}
	return time.Duration(ts.Nano()), nil
}

// measure sends n packets down a path, and returns the CPU time of the calling thread, which must be locked. It is an
// error if some do not arrive.
func (p *path) measure(s *sender, n int) (time.Duration, error) {
	before, err := p.arrival.received()
	if err != nil {
		return 0, err
	}
	start, err := cpuTime()
	if err != nil {
		return 0, err
	}
	if err := s.send(n); err != nil {
		return 0, err
	}
	end, err := cpuTime()
	if err != nil {
		return 0, err
	}
	// Other packets may arrive too, such as those of address resolution.
	for deadline := time.Now().Add(time.Second); ; time.Sleep(time.Millisecond) {
		after, err := p.arrival.received()
		if err != nil {
			return 0, err
		}
		if after-before >= uint64(n) {
			return end - start, nil
		}
		if time.Now().After(deadline) {
			return 0, fmt.Errorf("%d of %d packets arrived by %s", after-before, n, p.name)
		}
	}
}

// open returns a sender for a path whose flows have all been tracked and whose addresses have been resolved.
func (p *path) open(tb testing.TB, flows int) *sender {
	tb.Helper()
	s, err := newSender(p.client, p.sink, flows)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { s.close() })
	if err := s.send(4 * max(flows, batch)); err != nil {
		tb.Fatal(err)
	}
	return s
}

// mustCharge skips the benchmark on a kernel that does not charge the sender for forwarding: there, a way with a router
// costs it no more than one without.
func (r *rig) mustCharge(b *testing.B) {
	b.Helper()
	marginal, _, err := compare(r.paths["direct"], r.paths["route"], r.paths["direct"].open(b, 1), r.paths["route"].open(b, 1), 9)
	if err != nil {
		b.Fatal(err)
	}
	if marginal < 20 {
		b.Skipf("a router costs the sender %.0f ns a packet: this kernel charges nobody for it (CONFIG_IRQ_TIME_ACCOUNTING)", marginal)
	}
}

// BenchmarkLinuxForward is the CPU time of a packet from the client's system call to the server's drop: ns/op is not
// wall time, which depends on who else uses the machine.
func BenchmarkLinuxForward(b *testing.B) {
	r := newRig(b)
	r.mustCharge(b)
	for _, flows := range flowCounts {
		for _, impl := range []string{"direct", "route", "masquerade"} {
			b.Run(fmt.Sprintf("impl=%s/flows=%d", impl, flows), func(b *testing.B) {
				p := r.paths[impl]
				s := p.open(b, flows)
				b.ResetTimer()
				err := onOwnThread(func() error {
					used, err := p.measure(s, b.N)
					b.ReportMetric(float64(used.Nanoseconds())/float64(b.N), "ns/op")
					return err
				})
				if err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}

// round is the number of packets after which compare changes to the other way: some milliseconds' worth.
const round = 2048

// compare sends rounds of packets down two paths in turns. It returns the median difference between a round on the
// second and the round on the first before it, and the median of the first, in ns of CPU time a packet.
func compare(first, second *path, toFirst, toSecond *sender, rounds int) (marginal, base float64, err error) {
	var bases, marginals []float64
	err = onOwnThread(func() error {
		for range rounds {
			without, err := first.measure(toFirst, round)
			if err != nil {
				return err
			}
			with, err := second.measure(toSecond, round)
			if err != nil {
				return err
			}
			bases = append(bases, float64(without.Nanoseconds())/round)
			marginals = append(marginals, float64((with-without).Nanoseconds())/round)
		}
		return nil
	})
	if err != nil {
		return 0, 0, err
	}
	return median(marginals), median(bases), nil
}

// BenchmarkLinuxNAT is NAT's own share of a packet's cost, a line for each NAT. For the kernel that is the difference
// between masquerading and routing, for ours the whole of it: parsing is in it, which the kernel's routing has done. b.N is rounded up to whole rounds.
func BenchmarkLinuxNAT(b *testing.B) {
	for _, flows := range flowCounts {
		b.Run(fmt.Sprintf("impl=linux-marginal/flows=%d", flows), func(b *testing.B) { linuxMarginal(b, flows) })
		b.Run(fmt.Sprintf("impl=arcbox/flows=%d", flows), func(b *testing.B) { ours(b, flows) })
	}
}

// linuxMarginal reports the marginal cost as ns/op, and what routing without NAT cost in the same rounds.
func linuxMarginal(b *testing.B, flows int) {
	r := newRig(b)
	r.mustCharge(b)
	route, masquerade := r.paths["route"], r.paths["masquerade"]
	routed, masqueraded := route.open(b, flows), masquerade.open(b, flows)
	b.ResetTimer()
	marginal, base, err := compare(route, masquerade, routed, masqueraded, (b.N+round-1)/round)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(marginal, "ns/op")
	b.ReportMetric(base, "route-ns/op")
}

// median orders v.
func median(v []float64) float64 {
	slices.Sort(v)
	return (v[(len(v)-1)/2] + v[len(v)/2]) / 2
}
