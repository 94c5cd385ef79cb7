// SPDX-License-Identifier: MIT OR Apache-2.0

package vsock

import (
	"fmt"
	"io"
	"net"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/virtq"
)

// benchLayouts are the receive buffers of Linux before and since version 6.3.
var benchLayouts = []struct {
	name  string
	sizes []uint32
}{
	{"44+4096", []uint32{headerSize, 4096}},
	{"4140", []uint32{headerSize + 4096}},
}

func benchStack(b *testing.B, sizes []uint32) (*stack, *acceptor) {
	s := newStack(b, guestOptions{rxSizes: sizes, rxCount: queueSize / len(sizes), queue: virtq.Options{EventIdx: true}})
	return s, listen(b, s.g.dev, 1)
}

// BenchmarkStream moves bytes from a program in the guest to one on the host
// (dir=tx) or the other way: a copy into, or none out of, the guest's buffers, the
// queues, the device, and the socket. impl=socketpair is a pair of sockets alone.
func BenchmarkStream(b *testing.B) {
	const size = 256 << 10
	buf := make([]byte, size)
	b.Run(fmt.Sprintf("impl=socketpair/size=%d", size), func(b *testing.B) {
		from, to := socketPair(b)
		benchStream(b, size, func() error { _, err := from.Write(buf); return err }, to)
	})
	for _, l := range benchLayouts[:1] {
		b.Run(fmt.Sprintf("impl=vsock/dir=tx/size=%d", size), func(b *testing.B) {
			s, ln := benchStack(b, l.sizes)
			c := mustDial(b, s, 1)
			host := ln.accept(b)
			benchStream(b, size, func() error { _, err := c.Write(buf); return err }, host)
		})
	}
	for _, l := range benchLayouts {
		b.Run(fmt.Sprintf("impl=vsock/dir=rx/size=%d/buffers=%s", size, l.name), func(b *testing.B) {
			s, ln := benchStack(b, l.sizes)
			c := mustDial(b, s, 1)
			c.sink = true
			host := ln.accept(b)
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				_, err := host.Write(buf)
				require.NoError(b, err)
			}
		})
	}
}

func benchStream(b *testing.B, size int, write func() error, r io.Reader) {
	go func() {
		for range b.N {
			if err := write(); err != nil {
				b.Errorf("writing: %v", err)
			}
		}
	}()
	buf := make([]byte, size)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	for left := b.N * size; left > 0; {
		n, err := r.Read(buf)
		require.NoError(b, err)
		left -= n
	}
}

// BenchmarkPingPong sends a message from the host to the guest and back.
func BenchmarkPingPong(b *testing.B) {
	const size = 64
	b.Run(fmt.Sprintf("impl=socketpair/size=%d", size), func(b *testing.B) {
		x, y := socketPair(b)
		go io.Copy(struct{ io.Writer }{y}, struct{ io.Reader }{y})
		benchPingPong(b, x, size)
	})
	b.Run(fmt.Sprintf("impl=vsock/size=%d", size), func(b *testing.B) {
		s, ln := benchStack(b, benchLayouts[0].sizes)
		c := mustDial(b, s, 1)
		host := ln.accept(b)
		go io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		benchPingPong(b, host, size)
	})
}

func benchPingPong(b *testing.B, c io.ReadWriter, size int) {
	buf := make([]byte, size)
	b.ReportAllocs()
	for b.Loop() {
		_, err := c.Write(buf)
		require.NoError(b, err)
		_, err = io.ReadFull(c, buf)
		require.NoError(b, err)
	}
}

// BenchmarkConnect opens a connection from the guest and closes it.
func BenchmarkConnect(b *testing.B) {
	s, ln := benchStack(b, benchLayouts[0].sizes)
	b.ReportAllocs()
	for b.Loop() {
		c := mustDial(b, s, 1)
		host, err := ln.Accept()
		require.NoError(b, err)
		require.NoError(b, c.Close())
		require.NoError(b, host.Close())
	}
}

func socketPair(b *testing.B) (x, y net.Conn) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	require.NoError(b, err)
	var ends [2]net.Conn
	for i, fd := range pair {
		f := os.NewFile(uintptr(fd), "socket")
		ends[i], err = net.FileConn(f)
		require.NoError(b, err)
		f.Close()
		b.Cleanup(func() { ends[i].Close() })
	}
	return ends[0], ends[1]
}

// TestDataDoesNotAllocate holds for both directions of an established connection.
func TestDataDoesNotAllocate(t *testing.T) {
	s := newStack(t, guestOptions{})
	l := listen(t, s.g.dev, 1)
	c := mustDial(t, s, 1)
	s.mu.Lock()
	c.sink = true
	s.mu.Unlock()
	host := l.accept(t)
	buf := make([]byte, 40000)
	move := func() {
		if _, err := c.Write(buf); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(host, buf); err != nil {
			t.Fatal(err)
		}
		if _, err := host.Write(buf); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		move()
	}
	require.Zero(t, testing.AllocsPerRun(1000, move))
}
