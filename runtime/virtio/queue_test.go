// SPDX-License-Identifier: MIT OR Apache-2.0

package virtio_test

import (
	"errors"
	"io"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// kick is a virtio.Kick of channels.
type kick struct {
	kicked chan struct{}
	closed chan struct{}
	err    error // what Wait returns once, if not nil
}

func newKick() *kick {
	return &kick{kicked: make(chan struct{}, 1), closed: make(chan struct{})}
}

func (k *kick) Wait() error {
	select {
	case <-k.kicked:
		return k.err
	case <-k.closed:
		return io.EOF
	}
}

func (k *kick) Close() error { close(k.closed); return nil }

func (k *kick) kick() {
	select {
	case k.kicked <- struct{}{}:
	default:
	}
}

// calls counts interrupts.
type calls struct{ n atomic.Int64 }

func (c *calls) Signal() error { c.n.Add(1); return errors.New("the driver does not listen") }

// pair is a queue with its driver.
type pair struct {
	*virtio.Queue
	driver *virtqtest.Driver
	arena  *virtqtest.Arena
	kick   *kick
	calls  calls
	broken chan error
}

func newPair(t testing.TB, size uint16, o virtq.Options) *pair {
	p := &pair{kick: newKick(), broken: make(chan error, 10)}
	var err error
	p.arena, err = virtqtest.NewMemory(4 << 20)
	require.NoError(t, err)
	d, q, err := virtqtest.NewPair(p.arena, size, virtqtest.Options{Options: o, Kick: p.kick.kick})
	require.NoError(t, err)
	p.driver = d
	p.Queue = &virtio.Queue{Queue: q, Kick: p.kick, Call: &p.calls, Broken: func(err error) { p.broken <- err }}
	return p
}

// add makes n chains of one buffer available, without a kick.
func (p *pair) add(t testing.TB, n int) {
	b, _, err := p.arena.Buffer(16, true)
	require.NoError(t, err)
	for range n {
		_, err := p.driver.Add(b)
		require.NoError(t, err)
	}
}

// reap wants n chains to be used, soon.
func (p *pair) reap(t testing.TB, n int) {
	done := make([]virtqtest.Done, n)
	got := 0
	require.Eventually(t, func() bool {
		m, err := p.driver.Reap(done[got:])
		require.NoError(t, err)
		got += m
		return got == n
	}, patience, 100*time.Microsecond)
}

// give is a handler that gives all chains back.
func (p *pair) give(chains []virtq.Chain) {
	for i := range chains {
		p.Push(chains[i].Head, 0)
	}
}

// run runs f, and returns what it returned after stop.
func run(f func() error) (result chan error) {
	result = make(chan error, 1)
	go func() { result <- f() }()
	return result
}

func wait(t testing.TB, result chan error) error {
	t.Helper()
	select {
	case err := <-result:
		return err
	case <-time.After(patience):
		t.Fatal("still running")
		return nil
	}
}

func TestRun(t *testing.T) {
	for _, o := range []virtq.Options{{}, {EventIdx: true}} {
		p := newPair(t, 256, o)
		p.add(t, 100) // before anybody runs, and without a kick
		p.driver.Publish()
		largest := 0
		result := run(func() error {
			return p.Run(func(c []virtq.Chain) { largest = max(largest, len(c)); p.give(c) })
		})
		p.reap(t, 100)
		for range 50 {
			p.add(t, 7)
			p.driver.Kick()
			p.reap(t, 7)
		}
		require.False(t, p.Stopped())
		p.Stop()
		require.NoError(t, wait(t, result))
		require.True(t, p.Stopped())
		require.Equal(t, virtio.Batch, largest)
		require.NotZero(t, p.calls.n.Load())
		require.Empty(t, p.broken)
	}
}

// TestRunNeverIdle: Stop works on a queue to which the driver adds all the time.
func TestRunNeverIdle(t *testing.T) {
	p := newPair(t, 64, virtq.Options{})
	p.add(t, 1)
	p.driver.Publish()
	var served atomic.Int64
	result := run(func() error {
		return p.Run(func(c []virtq.Chain) {
			p.give(c)
			p.Flush()
			// The driver is as fast as the device.
			_, err := p.driver.Reap(make([]virtqtest.Done, 64))
			if err != nil {
				panic(err)
			}
			b := virtqtest.Buffer{Addr: virtqtest.Base, Len: 1, Writable: true}
			if _, err := p.driver.Add(b); err != nil {
				panic(err)
			}
			p.driver.Publish()
			served.Add(1)
		})
	})
	for served.Load() < 1000 {
		runtime.Gosched()
	}
	p.Stop()
	require.NoError(t, wait(t, result))
}

func TestRunBroken(t *testing.T) {
	for _, tc := range []struct {
		name  string
		ruin  func(*pair)
		check func(t *testing.T, err error)
	}{
		{"malformed", func(p *pair) {
			p.driver.SetAvailEntry(0, 9999)
			p.driver.SetAvail(0, 1)
		}, func(t *testing.T, err error) {
			var e *virtq.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, virtq.BadHead, e.Reason)
		}},
		{"kick fails", func(p *pair) { p.kick.err = errors.New("kick is gone") },
			func(t *testing.T, err error) { require.ErrorContains(t, err, "kick is gone") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPair(t, 64, virtq.Options{})
			tc.ruin(p)
			p.kick.kick()
			err := wait(t, run(func() error { return p.Run(p.give) }))
			tc.check(t, err)
			require.Equal(t, err, <-p.broken)
			p.Fail(errors.New("again"))
			require.Empty(t, p.broken, "reported twice")
			p.Stop()
		})
	}
}

func TestWatch(t *testing.T) {
	p := newPair(t, 64, virtq.Options{})
	var woken atomic.Int64
	result := run(func() error { return p.Watch(func() { woken.Add(1) }) })
	require.Eventually(t, func() bool { return woken.Load() == 1 }, patience, time.Millisecond)
	p.kick.kick()
	require.Eventually(t, func() bool { return woken.Load() == 2 }, patience, time.Millisecond)
	p.Stop()
	require.NoError(t, wait(t, result))
}

// TestFailUnheard: nobody has to listen.
func TestFailUnheard(t *testing.T) {
	(&virtio.Queue{}).Fail(errors.New("whatever"))
}

// TestRunAllocates nothing, once it runs.
func TestRunAllocates(t *testing.T) {
	p := newPair(t, 64, virtq.Options{EventIdx: true})
	var served atomic.Int64
	result := run(func() error {
		return p.Run(func(c []virtq.Chain) { p.give(c); served.Add(int64(len(c))) })
	})
	b, _, err := p.arena.Buffer(16, true)
	require.NoError(t, err)
	done := make([]virtqtest.Done, 8)
	one := func() {
		want := served.Load() + 8
		for range 8 {
			if _, err := p.driver.Add(b); err != nil {
				panic(err)
			}
		}
		p.driver.Kick()
		for served.Load() < want {
			runtime.Gosched()
		}
		for n := 0; n < 8; {
			m, err := p.driver.Reap(done)
			if err != nil {
				panic(err)
			}
			n += m
		}
	}
	one()
	require.Zero(t, testing.AllocsPerRun(200, one))
	p.Stop()
	require.NoError(t, wait(t, result))
}
