// SPDX-License-Identifier: MIT OR Apache-2.0

package rng

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

func newRing(t testing.TB, o virtq.Options) (*virtiotest.Ring, *virtqtest.Arena) {
	a, err := virtqtest.NewMemory(1 << 20)
	require.NoError(t, err)
	ring, err := virtiotest.NewRing(a, queueSize, o)
	require.NoError(t, err)
	return ring, a
}

// request makes a request of buffers and returns how many bytes were filled.
func request(t testing.TB, ring *virtiotest.Ring, bufs ...virtqtest.Buffer) int {
	t.Helper()
	_, err := ring.Add(bufs...)
	require.NoError(t, err)
	ring.Kick()
	done, err := ring.Wait(patience)
	require.NoError(t, err)
	require.Len(t, done, 1, "the device does not answer")
	return int(done[0].Written)
}

func TestIdentity(t *testing.T) {
	d := New()
	require.Equal(t, virtio.IDEntropy, d.ID())
	require.Zero(t, d.Features())
	require.Equal(t, []uint16{8}, d.QueueSizes())
	require.ErrorContains(t, d.StartQueue(1, nil, 0), "the device has 1")
	d.StopQueue(1)
	d.StopQueue(0)
	d.WriteConfig(0, []byte{1})
	p := []byte{1, 2, 3}
	d.ReadConfig(0, p)
	require.Equal(t, make([]byte, 3), p)
	require.NoError(t, d.Close())
}

func TestFill(t *testing.T) {
	for _, tc := range []struct {
		name  string
		sizes []int
		want  int
	}{
		{"one", []int{64}, 64},
		{"byte", []int{1}, 1},
		{"segments", []int{100, 1, 27}, 128},
		{"as large as allowed", []int{maxRequest}, maxRequest},
		{"too large", []int{1000, 2 * maxRequest}, maxRequest},
	} {
		for _, o := range []virtq.Options{{}, {EventIdx: true}} {
			t.Run(tc.name, func(t *testing.T) {
				ring, a := newRing(t, o)
				d := New()
				require.NoError(t, d.StartQueue(0, ring.Queue, 0))
				defer d.StopQueue(0)
				var bufs []virtqtest.Buffer
				var mems [][]byte
				for _, n := range tc.sizes {
					b, mem, err := a.Buffer(uint32(n), true)
					require.NoError(t, err)
					bufs, mems = append(bufs, b), append(mems, mem)
				}
				require.Equal(t, tc.want, request(t, ring, bufs...))
				first := bytes.Join(mems, nil)
				require.Equal(t, tc.want, request(t, ring, bufs...))
				second := bytes.Join(mems, nil)
				require.Equal(t, make([]byte, len(first)-tc.want), first[tc.want:], "beyond what it says")
				if tc.want >= 64 {
					require.NotEqual(t, first, second)
					for _, piece := range [][]byte{first[:32], first[tc.want-32 : tc.want], second[:32]} {
						require.NotEqual(t, make([]byte, 32), piece, "not filled")
					}
				}
				require.EqualValues(t, 2*tc.want, d.Counters()["bytes"])
				require.EqualValues(t, 2, d.Counters()["requests"])
				require.Equal(t, make([]byte, maxRequest), d.buf[:], "a copy is kept")
			})
		}
	}
}

// TestReadable: what the driver sends is not touched, and counts as a request.
func TestReadable(t *testing.T) {
	ring, a := newRing(t, virtq.Options{})
	d := New()
	require.NoError(t, d.StartQueue(0, ring.Queue, 0))
	defer d.StopQueue(0)
	b, mem, err := a.Buffer(16, false)
	require.NoError(t, err)
	require.Zero(t, request(t, ring, b))
	require.Equal(t, make([]byte, 16), mem)
}

// TestRate: a guest gets what it asks for at once for a while, then at the rate,
// also when it starts the device anew.
func TestRate(t *testing.T) {
	for _, tc := range []struct {
		name     string
		size     int
		requests int           // after those that are free
		free     int           // requests that are not held up
		want     time.Duration // for the others
	}{
		{"large", maxRequest, 256, burst/maxRequest + 1, time.Second},
		{"small", 1, 2048, burst/requestCost + 1, time.Second},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ring, a := newRing(t, virtq.Options{})
				d := New()
				require.NoError(t, d.StartQueue(0, ring.Queue, 0))
				b, _, err := a.Buffer(uint32(tc.size), true)
				require.NoError(t, err)
				start := time.Now()
				for range tc.free {
					request(t, ring, b)
				}
				require.Zero(t, time.Since(start))
				for i := range tc.requests {
					request(t, ring, b)
					if i%100 == 0 {
						d.StopQueue(0)
						d.Reset()
						require.NoError(t, ring.Restart())
						require.NoError(t, d.StartQueue(0, ring.Queue, 0))
					}
				}
				require.InDelta(t, tc.want.Seconds(), time.Since(start).Seconds(), 0.01)
				require.EqualValues(t, tc.requests, d.Counters()["waits"])
				// An hour later it has a burst again, and no more.
				time.Sleep(time.Hour)
				start = time.Now()
				for range tc.free {
					request(t, ring, b)
				}
				require.Zero(t, time.Since(start))
				request(t, ring, b)
				require.NotZero(t, time.Since(start))
				d.StopQueue(0)
			})
		})
	}
}

// TestStopWhileWaiting: a queue whose request waits for the budget is given back at
// once, with the request for who comes next.
func TestStopWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ring, a := newRing(t, virtq.Options{})
		d := New()
		d.budget.take(60 * rate)
		require.NoError(t, d.StartQueue(0, ring.Queue, 0))
		b, _, err := a.Buffer(64, true)
		require.NoError(t, err)
		for range 3 {
			_, err := ring.Add(b)
			require.NoError(t, err)
		}
		ring.Kick()
		synctest.Wait()
		start := time.Now()
		d.StopQueue(0)
		require.Zero(t, time.Since(start))
		require.Zero(t, ring.Queue.InFlight())
		require.Zero(t, d.Counters()["requests"])
		d.budget = newBudget(time.Now())
		require.NoError(t, ring.Restart())
		require.NoError(t, d.StartQueue(0, ring.Queue, 0))
		synctest.Wait()
		require.EqualValues(t, 3, d.Counters()["requests"])
		d.StopQueue(0)
	})
}

func FuzzQueue(f *testing.F) {
	f.Add([]byte{1, 1, 0, 0, 64, 0, 2, 0})
	f.Add([]byte{2, 2, 0, 1, 0, 0xff, 0xff, 3, 1, 0, 9, 1, 2, 0}) // large
	f.Add([]byte{1, 2, 0, 0, 1, 0, 3, 1, 0, 1, 0, 3, 0})          // a cycle
	f.Add([]byte{1, 1, 0, 0, 64, 0, 0, 0})                        // readable
	f.Fuzz(func(t *testing.T, script []byte) {
		h, err := virtiotest.NewHostile(queueSize, script)
		if err != nil {
			t.Fatal(err)
		}
		d := New()
		if err := d.StartQueue(0, h.Queue, 0); err != nil {
			t.Fatal(err)
		}
		err = h.Settle()
		d.StopQueue(0)
		if n := h.Queue.InFlight(); err == nil && n != 0 {
			t.Fatalf("%d requests were not answered", n)
		}
		if c := d.Counters(); c["bytes"] > c["requests"]*maxRequest {
			t.Fatalf("%d bytes for %d requests", c["bytes"], c["requests"])
		}
	})
}
