// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio/console"
	"arcbox.dev/runtime/virtio/rng"
)

// TestRing3Rng: a device that writes, from the driver's first access to the last. Each
// round costs the one exit by which the driver takes note of the interrupt: its kick
// goes to the device without this process's vCPU thread, and it looks at the interrupt
// status in memory.
func TestRing3Rng(t *testing.T) {
	g := newRing3Guest(t)
	s := g.add("rng", rng.New())
	g.drive(newRing3Driver(s, 0, true), driverRequest)
	require.Subset(t, s.counters(), map[string]uint64{
		"requests": driverRounds, "bytes": driverRounds * driverRequest,
	})
	different := make(map[uint32]bool)
	for _, v := range g.results() {
		different[v] = true
	}
	require.Greater(t, len(different), driverRounds-5)
}

// TestRing3Console: a device that reads. What is written arrives whole and in order.
func TestRing3Console(t *testing.T) {
	g := newRing3Guest(t)
	var out bytes.Buffer
	s := g.add("console", console.New(&out, console.Options{}))
	const transmit = 1
	g.drive(newRing3Driver(s, transmit, false), 0)
	s.transport.Close() // nobody writes to out any more
	var want []byte
	for round := range uint32(driverRounds) {
		want = binary.LittleEndian.AppendUint32(want, round)
	}
	require.Equal(t, want, out.Bytes())
	require.Equal(t, uint32(driverRounds-1), g.results()[driverRounds-1], "a buffer to be read was written to")
}

// drive runs a driver to its end and wants its exits alone, and all its buffers back
// with so many bytes written to each.
func (g *ring3Guest) drive(d *ring3Driver, written uint32) {
	g.t.Helper()
	require.EqualValues(g.t, driverDone, g.run(&d.Program), "the number of the driver's check that has failed")
	const report = 1
	require.Equal(g.t, map[string]uint64{"mmio_read": d.reads, "mmio_write": d.writes + report}, g.exits())
	require.EqualValues(g.t, driverRounds, binary.LittleEndian.Uint16(g.mem[driverUsed+2:]))
	for i := range driverQueueSize {
		entry := g.mem[driverUsed+4+8*i:]
		require.Zero(g.t, binary.LittleEndian.Uint32(entry), "descriptor")
		require.Equal(g.t, written, binary.LittleEndian.Uint32(entry[4:]), "bytes written")
	}
}

// results are what the driver's buffer held after each round.
func (g *ring3Guest) results() []uint32 {
	all := make([]uint32, driverRounds)
	for i := range all {
		all[i] = binary.LittleEndian.Uint32(g.mem[driverResults+4*i:])
	}
	return all
}
