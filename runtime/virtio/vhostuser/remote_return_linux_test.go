// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestRemoteReturns: back ends come and go under traffic, and the guest notices
// nothing but that it waits.
func TestRemoteReturns(t *testing.T) {
	for _, o := range []virtq.Options{{}, allOptions} {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			h := newHost(t)
			h.serve(&echo{})
			g := newGuest(t, remoteRegions())
			for range 2 {
				g.addQueue(64, o, false)
			}
			r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{InOrder: true})
			features := virtio.FeatureVersion1
			if o == allOptions {
				features = remoteFeatures
			}
			g.startDirect(r, features)
			stop := make(chan struct{})
			var traffic sync.WaitGroup
			for i, q := range g.queues {
				traffic.Go(func() {
					for n := 0; ; n++ {
						select {
						case <-stop:
							return
						default:
							if err := q.tryRoundTrip(fmt.Sprint("queue ", i, " text ", n)); err != nil {
								t.Error(err)
								return
							}
						}
					}
				})
			}
			for i := range uint64(5) {
				time.Sleep(10 * time.Millisecond)
				h.serve(&echo{})
				returned(t, r, i+1)
			}
			close(stop)
			traffic.Wait()
			require.EqualValues(t, 5, r.Counters()["reconnections"])
		})
	}
}

// TestRemoteAway: what is asked of a Remote while there is no back end is done when
// there is one.
func TestRemoteAway(t *testing.T) {
	h := newHost(t)
	h.serve(&echo{})
	g := newGuest(t, remoteRegions())
	q, idle := g.addQueue(64, allOptions, false), g.addQueue(64, allOptions, false)
	r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{InOrder: true})
	changed := make(chan struct{}, 1)
	r.OnConfigChange(func() { changed <- struct{}{} })
	h.stop()
	require.Eventually(t, func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.link == nil }, patience, time.Millisecond)
	require.EqualValues(t, echoFeature, r.Features())
	r.Reset()
	require.NoError(t, r.StartDirect(0, q.direct(nil), remoteFeatures))
	require.NoError(t, r.StartDirect(1, idle.direct(nil), remoteFeatures))
	r.StopQueue(1)
	got := make(chan error, 1)
	go func() { got <- q.tryRoundTrip("early") }()
	dev := &echo{}
	h.serve(dev)
	require.NoError(t, <-got)
	starts, _ := dev.counts()
	require.Equal(t, 1, starts)
	select {
	case <-changed:
	case <-time.After(patience):
		t.Fatal("the driver is not told to look at the configuration again")
	}
}

// TestRemoteLess: a back end that returns with less than the driver was promised
// breaks the queues that it cannot serve, and those alone.
func TestRemoteLess(t *testing.T) {
	for _, tc := range []struct {
		name   string
		dev    *counted
		broken []bool
		want   string
	}{
		{"features", &counted{without: echoFeature}, []bool{true, true}, "came back without features 0x20"},
		{"queues", &counted{queues: 1}, []bool{false, true}, "came back with 1 queues"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			h.serve(&echo{})
			g := newGuest(t, remoteRegions())
			told := make([]chan error, 2)
			r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{InOrder: true})
			for i := range told {
				told[i] = make(chan error, 10)
				q := g.addQueue(64, allOptions, false)
				require.NoError(t, r.StartDirect(i, q.direct(func(err error) { told[i] <- err }), remoteFeatures))
				q.roundTrip("before")
			}
			for n := range uint64(2) { // the second time nothing is told again
				h.serve(tc.dev)
				returned(t, r, n+1)
			}
			for i, broken := range tc.broken {
				if !broken {
					require.Empty(t, told[i])
					g.queues[i].roundTrip("after")
					continue
				}
				require.Len(t, told[i], 1)
				require.ErrorContains(t, <-told[i], tc.want)
				r.StopQueue(i)
			}
			require.Positive(t, r.Counters()["broken_queues"])
			// With what there was before, a driver that begins anew finds all well.
			for i := range tc.broken {
				r.StopQueue(i)
			}
			r.Reset()
			h.serve(&echo{})
			returned(t, r, 3)
			q := g.addQueue(64, allOptions, false)
			require.NoError(t, r.StartDirect(1, q.direct(nil), remoteFeatures))
			q.roundTrip("anew")
		})
	}
}

// TestRemoteBroken: a queue that the back end gives up is told of once.
func TestRemoteBroken(t *testing.T) {
	h := newHost(t)
	h.serve(&echo{})
	g := newGuest(t, remoteRegions())
	bad, good := g.addQueue(64, allOptions, false), g.addQueue(64, allOptions, false)
	r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{InOrder: true})
	told := make(chan error, 10)
	require.NoError(t, r.StartDirect(0, bad.direct(func(err error) { told <- err }), remoteFeatures))
	require.NoError(t, r.StartDirect(1, good.direct(nil), remoteFeatures))
	bad.roundTrip("before")
	_, index := bad.Avail()
	bad.SetAvail(0, index+1000)
	signalShared(bad.kick)
	select {
	case err := <-told:
		require.ErrorIs(t, err, errGaveUp)
	case <-time.After(patience):
		t.Fatal("not told")
	}
	good.roundTrip("other queue")
	h.serve(&echo{})
	returned(t, r, 1)
	good.roundTrip("after")
	require.Empty(t, told)
	r.StopQueue(0)
}

// TestRemoteClose: neither silence nor absence holds Close up, or what it ends.
func TestRemoteClose(t *testing.T) {
	h := newHost(t)
	h.serve(&echo{})
	g := newGuest(t, remoteRegions())
	q := g.addQueue(64, allOptions, false)

	t.Run("away", func(t *testing.T) {
		r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{Timeout: time.Hour})
		require.NoError(t, r.StartDirect(0, q.direct(nil), remoteFeatures))
		h.stop()
		time.Sleep(5 * shortPause)
		virtiotest.Within(t, "Close", func() { require.NoError(t, r.Close()) })
		r.StopQueue(0)
		require.Error(t, r.StartDirect(0, q.direct(nil), remoteFeatures))
		r.ReadConfig(0, make([]byte, 4))
		r.Reset()
		require.NoError(t, r.Close())
	})
	t.Run("in dialling", func(t *testing.T) {
		h.serve(&echo{})
		first := true
		r := g.newRemote(func(ctx context.Context) (*net.UnixConn, error) {
			if first {
				first = false
				return dialTo(h.path)(ctx)
			}
			<-ctx.Done()
			return nil, ctx.Err()
		}, virtio.IDConsole, RemoteOptions{Timeout: time.Hour})
		h.stop()
		time.Sleep(5 * shortPause)
		virtiotest.Within(t, "Close", func() { require.NoError(t, r.Close()) })
	})
	t.Run("in an exchange", func(t *testing.T) {
		h.serve(&echo{})
		r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{Timeout: time.Hour})
		ours, theirs := pairOfConns(t) // to which nobody answers
		r.mu.Lock()
		silent := *r.link
		silent.Frontend = NewFrontend(ours)
		silent.unbind = context.AfterFunc(r.ctx, func() { _ = ours.Close() })
		real := r.link
		r.link = &silent
		silent.has |= ProtocolConfig
		r.mu.Unlock()
		done := make(chan struct{})
		go func() { defer close(done); r.ReadConfig(0, make([]byte, 4)) }()
		_, err := theirs.Read(make([]byte, 1))
		require.NoError(t, err)
		virtiotest.Within(t, "Close", func() { require.NoError(t, r.Close()) })
		<-done
		real.close()
	})
}

// TestRemoteSlow: a back end that answers, but not soon, is done without.
func TestRemoteSlow(t *testing.T) {
	h := newHost(t)
	h.serve(&slow{})
	g := newGuest(t, remoteRegions())
	r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{Timeout: 50 * time.Millisecond})
	start := time.Now()
	r.ReadConfig(0, make([]byte, 4))
	require.Less(t, time.Since(start), patience/2)
	returned(t, r, 1)
}

// slow is a device that thinks long about its configuration.
type slow struct{ echo }

func (*slow) ReadConfig(uint32, []byte) { time.Sleep(200 * time.Millisecond) }

// TestRemoteWakes: a successor is kicked and the driver interrupted, for what the
// back end before may have missed or not said.
func TestRemoteWakes(t *testing.T) {
	h := newHost(t)
	h.serve(&echo{})
	g := newGuest(t, remoteRegions())
	q := g.addQueue(64, allOptions, false)
	r := g.newRemote(dialTo(h.path), virtio.IDConsole, RemoteOptions{})
	g.startDirect(r, remoteFeatures)
	require.False(t, virtiotest.Readable(q.kick, 0))
	require.False(t, virtiotest.Readable(q.callEnd, 0))
	h.serve(&echo{})
	require.True(t, virtiotest.Readable(q.kick, patience), "no kick")
	require.True(t, virtiotest.Readable(q.callEnd, patience), "no interrupt")
}
