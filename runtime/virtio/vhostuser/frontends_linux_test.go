// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
)

// frontEnd is a way in which a front end sets a device up.
type frontEnd struct {
	name    string
	regions func() []MemRegion
	socket  bool // interrupts come over a socket
	connect func(*guest, *Frontend)
}

var (
	uml  = frontEnd{"uml", umlRegions, true, (*guest).connectUML}
	qemu = frontEnd{"qemu", qemuRegions, false, (*guest).connectQEMU}
	bare = frontEnd{"bare", umlRegions, false, (*guest).connectBare}

	frontEnds = []frontEnd{uml, qemu, bare}
)

// use serves an echo device to a guest with so many queues of 256 descriptors.
func (fe frontEnd) use(t testing.TB, log *slog.Logger, queues int) (dev *echo, g *guest, f *Frontend) {
	dev, _, path := startBackend(t, log)
	g = newGuest(t, fe.regions())
	for range queues {
		g.addQueue(256, allOptions, fe.socket)
	}
	f = dial(t, path)
	fe.connect(g, f)
	return dev, g, f
}

var allOptions = virtq.Options{EventIdx: true, Indirect: true}

// umlRegions are those of User-Mode Linux: one, with all addresses equal.
func umlRegions() []MemRegion {
	return []MemRegion{{GuestAddr: 0x5000, UserAddr: 0x5000, Offset: 0x5000, Size: 4 << 20}}
}

// qemuRegions are like those of a PC: below and above the hole, mapped elsewhere.
func qemuRegions() []MemRegion {
	return []MemRegion{
		{GuestAddr: 0, UserAddr: 0x7f12_3400_0000, Offset: 0, Size: 640 << 10},
		{GuestAddr: 0xc0000, UserAddr: 0x7f12_340c_0000, Offset: 0xc0000, Size: 1 << 20},
		{GuestAddr: 4 << 30, UserAddr: 0x7f12_5000_0000, Offset: 2 << 20, Size: 4 << 20},
	}
}

// connectUML does what virtio_uml does in the order in which it does so.
func (g *guest) connectUML(f *Frontend) {
	t := g.t
	require.NoError(t, f.SetOwner())
	features, err := f.Features()
	require.NoError(t, err)
	require.Equal(t, uint64(virtio.QueueFeatures|FeatureProtocol|echoFeature), features)
	protocol, err := f.ProtocolFeatures()
	require.NoError(t, err)
	protocol &= ProtocolReplyAck | ProtocolBackendChannel | ProtocolConfig
	require.NoError(t, f.SetProtocolFeatures(protocol))
	require.NoError(t, f.OpenChannel(func() {}))
	require.NoError(t, f.SetFeatures(features))
	require.NoError(t, f.Config(0, make([]byte, 1)))
	require.NoError(t, f.Config(0, make([]byte, 7)))
	g.setMemTable(f, true)
	for i, q := range g.queues {
		require.NoError(t, f.SetVringCall(i, q.call))
		require.NoError(t, f.SetVringNum(i, q.Layout().Size))
		require.NoError(t, f.SetVringBase(i, 0))
		require.NoError(t, f.SetVringAddr(i, q.addr))
	}
	for i, q := range g.queues {
		require.NoError(t, f.SetVringKick(i, q.kick))
		require.NoError(t, f.SetVringEnable(i, true))
	}
}

// enable enables or disables all queues.
func (g *guest) enable(f *Frontend, enabled bool) {
	for i := range g.queues {
		require.NoError(g.t, f.SetVringEnable(i, enabled))
	}
}

// setMemTable sends the memory table, padded as virtio_uml does it.
func (g *guest) setMemTable(f *Frontend, padded bool) {
	if !padded {
		require.NoError(g.t, f.SetMemTable(g.regions, g.fds))
		return
	}
	b := memTable(g.regions).append(nil)
	p := raw{append(b, make([]byte, memRegionSize)...), len(g.regions)}
	require.NoError(g.t, f.tell(setMemTable, p, g.fds...))
}

// connectQEMU does what QEMU does in the order in which it does so.
func (g *guest) connectQEMU(f *Frontend) {
	t := g.t
	features, err := f.Features()
	require.NoError(t, err)
	protocol, err := f.ProtocolFeatures()
	require.NoError(t, err)
	require.NoError(t, f.SetProtocolFeatures(protocol))
	n, err := f.QueueNum()
	require.NoError(t, err)
	require.Equal(t, 3, n)
	require.NoError(t, f.OpenChannel(func() {}))
	require.NoError(t, f.SetOwner())
	features, err = f.Features()
	require.NoError(t, err)
	for i, q := range g.queues {
		require.NoError(t, f.SetVringCall(i, q.call))
	}
	require.NoError(t, f.Config(0, make([]byte, 20)))
	require.NoError(t, f.SetFeatures(features))
	g.setMemTable(f, false)
	for i, q := range g.queues {
		require.NoError(t, f.SetVringNum(i, q.Layout().Size))
		require.NoError(t, f.SetVringBase(i, 0))
		require.NoError(t, f.SetVringAddr(i, q.addr))
		require.NoError(t, f.SetVringKick(i, q.kick))
		require.NoError(t, f.SetVringCall(i, q.call))
	}
	for i := range g.queues {
		require.NoError(t, f.SetVringEnable(i, true))
	}
}

// connectBare is the least that a front end can do: no protocol features, so that
// rings start enabled.
func (g *guest) connectBare(f *Frontend) {
	t := g.t
	require.NoError(t, f.SetOwner())
	require.NoError(t, f.SetFeatures(virtio.QueueFeatures))
	g.setMemTable(f, false)
	for i, q := range g.queues {
		require.NoError(t, f.SetVringNum(i, q.Layout().Size))
		require.NoError(t, f.SetVringAddr(i, q.addr))
		require.NoError(t, f.SetVringBase(i, 0))
		require.NoError(t, f.SetVringCall(i, q.call))
		require.NoError(t, f.SetVringKick(i, q.kick))
	}
	// Nothing above has waited for the back end.
	_, err := f.Features()
	require.NoError(t, err)
}
