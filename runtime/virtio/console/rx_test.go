// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"io"
	"math/rand/v2"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/virtq"
)

// TestInput: what is typed, before the guest is there and after, in pieces of any
// size, arrives once and in order, also over a stop of the queue.
func TestInput(t *testing.T) {
	for _, o := range []virtq.Options{{}, {EventIdx: true}} {
		g, d := newGuest(t, receiveSize, o), New(io.Discard, Options{})
		want := numbered(10 * inputSize)
		random := rand.New(rand.NewPCG(1, 2))
		written := make(chan error, 1)
		go func() {
			in := d.Input()
			for rest := want; len(rest) > 0; {
				n := min(len(rest), 1+random.IntN(2*inputSize))
				if _, err := in.Write(rest[:n]); err != nil {
					written <- err
					return
				}
				rest = rest[n:]
			}
			written <- in.Close()
		}()
		buf, mem := g.buffer(700, true)
		require.NoError(t, d.StartQueue(receiveQueue, g.ring.Queue, 0))
		var got []byte
		for i := 0; len(got) < len(want); i++ {
			buf.Len = uint32(1 + i*37%700)
			got = append(got, g.receive(buf, mem)...)
			if i%10 == 0 {
				d.StopQueue(receiveQueue)
				d.Reset()
				require.NoError(t, g.ring.Restart())
				require.NoError(t, d.StartQueue(receiveQueue, g.ring.Queue, 0))
			}
		}
		require.NoError(t, <-written)
		require.Equal(t, want, got)
		require.EqualValues(t, len(want), d.Counters()["input_bytes"])
		d.StopQueue(receiveQueue)
		require.NoError(t, d.Close())
	}
}

// TestInputManyBuffers: input is spread over buffers that were there before, and
// over the segments of one.
func TestInputManyBuffers(t *testing.T) {
	g, d := newGuest(t, receiveSize, virtq.Options{}), New(io.Discard, Options{})
	require.NoError(t, d.StartQueue(receiveQueue, g.ring.Queue, 0))
	defer d.StopQueue(receiveQueue)
	a, first := g.buffer(3, true)
	b, second := g.buffer(2, true)
	c, third := g.buffer(100, true)
	_, err := g.ring.Add(a, b)
	require.NoError(t, err)
	_, err = g.ring.Add(c)
	require.NoError(t, err)
	g.ring.Kick()
	_, err = d.Input().Write([]byte("0123456789"))
	require.NoError(t, err)
	g.reap(2)
	require.Equal(t, "01234", string(first)+string(second))
	require.Equal(t, "56789", string(third[:5]))
}

// TestInputBounded: a guest that does not read holds up the writers alone, and each
// of them until its own end is closed, or the device.
func TestInputBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := New(io.Discard, Options{})
		first, second := d.Input(), d.Input()
		type result struct {
			n   int
			err error
		}
		write := func(in *Input, n int) chan result {
			c := make(chan result, 1)
			go func() { n, err := in.Write(numbered(n)); c <- result{n, err} }()
			synctest.Wait()
			return c
		}
		require.Equal(t, result{inputSize - 1, nil}, <-write(first, inputSize-1))
		a := write(first, 3)
		b := write(second, 3)
		require.Empty(t, a)
		require.Empty(t, b)
		require.NoError(t, first.Close())
		require.Equal(t, result{1, io.ErrClosedPipe}, <-a)
		synctest.Wait()
		require.Empty(t, b)
		require.NoError(t, d.Close())
		require.Equal(t, result{0, io.ErrClosedPipe}, <-b)
		require.Equal(t, result{0, io.ErrClosedPipe}, <-write(d.Input(), 1))
	})
}

// TestNoRoom: a receive buffer that holds nothing breaks the queue, and nothing else.
func TestNoRoom(t *testing.T) {
	g, out := newGuest(t, receiveSize, virtq.Options{}), &sink{}
	d := New(out, Options{})
	require.NoError(t, d.StartQueue(receiveQueue, g.ring.Queue, 0))
	g.send([]byte("readable"))
	g.ring.Kick()
	_, err := d.Input().Write([]byte("x"))
	require.NoError(t, err)
	require.ErrorIs(t, <-g.ring.Broken, errNoRoom)
	_, err = d.Input().Write([]byte("y"))
	require.NoError(t, err)
	d.StopQueue(receiveQueue)
	d.StopQueue(receiveQueue) // does nothing

	// A new driver gets what was typed: the first byte was not lost either.
	g = newGuest(t, receiveSize, virtq.Options{})
	require.NoError(t, d.StartQueue(receiveQueue, g.ring.Queue, 0))
	defer d.StopQueue(receiveQueue)
	require.Equal(t, "xy", string(g.receive(g.buffer(10, true))))
}
