// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// stream is n pseudo-random bytes, the same for the same seed.
func stream(seed, n uint64) io.Reader {
	var key [32]byte
	key[0] = byte(seed)
	key[1] = byte(seed >> 8)
	return io.LimitReader(rand.NewChaCha8(key), int64(n))
}

// digest reads r to its end and returns the digest and the number of bytes.
func digest(r io.Reader) (string, int64, error) {
	h := sha256.New()
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{r}, make([]byte, 100_000))
	return fmt.Sprintf("%x", h.Sum(nil)), n, err
}

// bulk is how much the large transfers move.
func bulk(t *testing.T) uint64 {
	switch {
	case t.Name() == "TestBulk/few_small_buffers", raceEnabled:
		return 4 << 20
	}
	return 64 << 20
}

func TestBulk(t *testing.T) {
	withStack(t, func(t *testing.T, s *stack) {
		n := bulk(t)
		want, _, _ := digest(stream(1, n))
		l := listen(t, s.g.dev, 1)

		up := mustDial(t, s, 1)
		host := l.accept(t)
		go func() {
			if _, err := io.Copy(up, stream(1, n)); err != nil {
				t.Errorf("guest writes: %v", err)
			}
			up.Close()
		}()
		got, size, err := digest(host)
		require.NoError(t, err)
		require.EqualValues(t, n, size)
		require.Equal(t, want, got)

		down := mustDial(t, s, 1)
		host = l.accept(t)
		go func() {
			if _, err := io.Copy(host, stream(1, n)); err != nil {
				t.Errorf("host writes: %v", err)
			}
			host.Close()
		}()
		got, size, err = digest(down)
		require.NoError(t, err)
		require.EqualValues(t, n, size)
		require.Equal(t, want, got)
	})
}

// TestBothDirectionsAtOnce moves different data each way through one connection.
func TestBothDirectionsAtOnce(t *testing.T) {
	withStack(t, func(t *testing.T, s *stack) {
		const n = 3 << 20
		l := listen(t, s.g.dev, 1)
		guest := mustDial(t, s, 1)
		host := l.accept(t)
		var wg sync.WaitGroup
		check := func(name string, r io.Reader, seed uint64) {
			want, _, _ := digest(stream(seed, n))
			got, _, err := digest(r)
			if err != nil || got != want {
				t.Errorf("%s: %v, right digest %v", name, err, got == want)
			}
		}
		wg.Go(func() { io.Copy(guest, stream(1, n)); guest.CloseWrite() })
		wg.Go(func() { io.Copy(host, stream(2, n)); host.CloseWrite() })
		wg.Go(func() { check("guest reads", guest, 2) })
		wg.Go(func() { check("host reads", host, 1) })
		wg.Wait()
		require.NoError(t, guest.Close())
	})
}

// TestEcho dials from the host into a guest that echoes.
func TestEcho(t *testing.T) {
	withStack(t, func(t *testing.T, s *stack) {
		s.listen(7, func(c *socket) {
			io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
			c.CloseWrite()
		})
		for _, n := range []uint64{0, 1, 4096, 1 << 20} {
			c, err := s.g.dev.Dial(t.Context(), 7)
			require.NoError(t, err)
			want, _, _ := digest(stream(n, n))
			go func() {
				io.Copy(c, stream(n, n))
				c.CloseWrite()
			}()
			got, size, err := digest(c)
			require.NoError(t, err)
			require.EqualValues(t, n, size)
			require.Equal(t, want, got)
			require.NoError(t, c.Close())
		}
	})
}

// TestManyConnections has a thousand at once, half of them from each side.
func TestManyConnections(t *testing.T) {
	const count = 1000
	s := newStack(t, guestOptions{dev: Options{MaxConns: count}})
	l := listen(t, s.g.dev, 1)
	s.listen(7, func(c *socket) { io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c}); c.CloseWrite() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { io.Copy(c, c); c.Close() }()
		}
	}()
	type peer interface{ io.ReadWriteCloser }
	errs := make(chan error, count)
	var open, finish sync.WaitGroup
	open.Add(count)
	all := make(chan struct{})
	for i := range count {
		finish.Go(func() {
			var c peer
			var err error
			if i%2 == 0 {
				c, err = s.dial(1)
			} else {
				c, err = s.g.dev.Dial(t.Context(), 7)
			}
			open.Done()
			if err != nil {
				errs <- err
				return
			}
			<-all // every connection is there before any goes
			for round := range 5 {
				want := pattern(i*100+round, 1000)
				got := make([]byte, len(want))
				if _, err = c.Write(want); err == nil {
					_, err = io.ReadFull(c, got)
				}
				if err == nil && string(got) != string(want) {
					err = errors.New("echo differs")
				}
				if err != nil {
					errs <- err
					break
				}
			}
			c.Close()
		})
	}
	open.Wait()
	require.EqualValues(t, count, s.g.dev.Counters()["connections"])
	_, err := s.dial(1)
	require.ErrorIs(t, err, syscall.ECONNREFUSED, "one more than there may be")
	close(all)
	finish.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
}

// TestFair: a connection with little to say is not kept waiting by those with much.
func TestFair(t *testing.T) {
	s := newStack(t, guestOptions{})
	l := listen(t, s.g.dev, 1)
	var busy sync.WaitGroup
	stop := make(chan struct{})
	for range 8 {
		c := mustDial(t, s, 1)
		s.mu.Lock()
		c.sink = true
		s.mu.Unlock()
		host := l.accept(t)
		busy.Go(func() {
			b := make([]byte, 1<<20)
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := host.Write(b); err != nil {
					t.Errorf("busy connection: %v", err)
					return
				}
			}
		})
	}
	c := mustDial(t, s, 1)
	host := l.accept(t)
	before := s.g.dev.Counters()["rx_bytes"]
	b := make([]byte, 1)
	const rounds = 100
	for range rounds {
		_, err := host.Write([]byte("x"))
		require.NoError(t, err)
		_, err = c.Read(b)
		require.NoError(t, err)
	}
	moved := s.g.dev.Counters()["rx_bytes"] - before
	// In each round the others have a few turns each, not all that they could send.
	require.Less(t, moved, uint64(rounds*8*8*turnBytes))
	close(stop)
	busy.Wait()
}

// TestHostClosesWithoutReading: the guest learns that nobody reads.
func TestHostClosesWithoutReading(t *testing.T) {
	s := newStack(t, guestOptions{})
	l := listen(t, s.g.dev, 1)
	c := mustDial(t, s, 1)
	host := l.accept(t)
	go func() {
		readAll(t, host, 1000)
		host.Close()
	}()
	_, err := io.Copy(c, stream(1, 16<<20))
	require.ErrorIs(t, err, syscall.EPIPE)
	_, err = c.Read(make([]byte, 1))
	require.Error(t, err)
}

var _ net.Listener = (*Listener)(nil)
