// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/eventfd"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// liar is a back end that follows a script: for each message that wants a reply, a
// byte says what kind of reply that is.
type liar struct {
	mu     sync.Mutex
	script []byte
	serves sync.WaitGroup
}

// take cuts n bytes, or as many as there are, from the script.
func (l *liar) take(n int) []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, len(l.script))
	b := l.script[:n]
	l.script = l.script[n:]
	return b
}

func (l *liar) done() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.script) == 0
}

func (l *liar) byte() byte {
	if b := l.take(1); len(b) > 0 {
		return b[0]
	}
	return 0
}

// What a liar does where a reply is due.
const (
	liarTruth = iota // and so for numbers that are none of those below
	liarBytes
	liarDescriptor
	liarHangup
	liarSilence
	liarNumber
	liarRefusal
	liarKinds = 12
)

// dial is a Dial. Nobody is there once the script is over.
func (l *liar) dial(context.Context) (*net.UnixConn, error) {
	if l.done() {
		return nil, errors.New("the script is over")
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	c, err := net.FileConn(theirs)
	if err != nil {
		_ = ours.Close()
		return nil, err
	}
	l.serves.Go(func() { l.serve(newConn(c.(*net.UnixConn))) })
	return ours, nil
}

func (l *liar) serve(c *conn) {
	defer c.Close()
	offers := map[request]uint64{
		getFeatures:         virtio.QueueFeatures | FeatureProtocol | echoFeature,
		getProtocolFeatures: uint64(l.byte())<<8 | uint64(l.byte()),
		getQueueNum:         uint64(l.byte() & 3),
	}
	for {
		m, err := c.receive()
		if err != nil {
			return
		}
		switch m.request {
		case setBackendChannel:
			if len(m.files) == 1 {
				_ = unix.SetNonblock(m.files[0], true)
				_, _ = unix.Write(m.files[0], appendMessage(nil, configChanged, flagNeedReply, none{}))
				_, _ = unix.Write(m.files[0], l.take(int(l.byte())))
			}
		case setVringErr, setVringKick, setVringCall:
			if len(m.files) == 1 && l.byte()%4 == 1 {
				_ = eventfd.Signal(m.files[0])
			}
		}
		alive := true
		if m.request.hasAnswer() || m.needReply() {
			alive = l.reply(c, m, number(offers[m.request]))
		}
		m.files.close()
		if !alive {
			return
		}
	}
}

// reply answers, in a way, and tells whether to go on.
func (l *liar) reply(c *conn, m message, truth payload) bool {
	switch m.request {
	case getVringBase:
		truth = vringState{}
	case getConfig:
		truth = configAccess{data: make([]byte, max(0, len(m.body)-configHeaderSize))}
	}
	var err error
	switch l.byte() % liarKinds {
	case liarBytes:
		_, err = c.Write(l.take(int(l.byte())))
	case liarDescriptor:
		err = c.send(m.request, flagReply, truth, 0)
	case liarHangup:
		return false
	case liarSilence:
	case liarNumber:
		var b [8]byte
		copy(b[:], l.take(8))
		err = c.send(m.request, flagReply, number(binary.LittleEndian.Uint64(b[:])))
	case liarRefusal:
		err = c.send(m.request, flagReply, number(1))
	default:
		err = c.send(m.request, flagReply, truth)
	}
	return err == nil
}

// FuzzRemote has a Remote use back ends that answer what they like. Whatever that
// is, each call returns soon, and nothing is left after Close.
func FuzzRemote(f *testing.F) {
	f.Add([]byte{0})
	honest := []byte{0, 0xff, 0xff, 2}
	f.Add(append(honest, make([]byte, 200)...))
	for kind := range byte(liarKinds) {
		for at := range 24 { // of each exchange
			script := append(honest[:4:4], make([]byte, 200)...)
			script[4+at] = kind
			f.Add(append(script[:4+at+1:4+at+1], make([]byte, 60)...))
		}
	}
	f.Add(append([]byte{1, 0, 0}, make([]byte, 40)...))
	f.Add(append([]byte{1, 0xff, 0xff, 2, 0, 0, 0, 0, liarHangup, 0xff, 0xff, 1}, make([]byte, 100)...))
	g := newGuest(f, remoteRegions())
	for range 2 {
		g.addQueue(16, allOptions, false)
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		before, mapped, running := virtiotest.OpenFiles(t), countMappings(t), runtime.NumGoroutine()
		l := &liar{script: script}
		patient := l.byte()&1 != 0
		finished := make(chan struct{})
		go func() { defer close(finished); useRemote(t, g, l, patient) }()
		select {
		case <-finished:
		case <-time.After(patience):
			t.Fatal("a call does not return")
		}
		l.serves.Wait()
		if got := virtiotest.OpenFiles(t); got != before {
			t.Errorf("%d descriptors are open, want %d", got, before)
		}
		if got := countMappings(t); got != mapped {
			t.Errorf("%d mappings, want %d", got, mapped)
		}
		for end := time.Now().Add(patience); runtime.NumGoroutine() > running; time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%d goroutines, want %d", runtime.NumGoroutine(), running)
			}
		}
	})
}

// useRemote calls a Remote's methods as a transport does.
func useRemote(t *testing.T, g *guest, l *liar, patient bool) {
	r, err := NewRemote(context.Background(), l.dial, virtio.IDConsole, g.remoteMemory(), RemoteOptions{Timeout: 3 * time.Millisecond, InOrder: true})
	if err != nil {
		if r != nil {
			t.Error("both a Remote and an error")
		}
		return
	}
	r.OnConfigChange(func() {})
	told := make([]int, len(g.queues))
	pause := func() {
		if patient {
			time.Sleep(shortPause + shortPause/2)
		}
	}
	var b [16]byte
	r.ReadConfig(0, b[:])
	started := 0
	for i, q := range g.queues {
		if err := r.StartDirect(i, q.direct(func(error) { told[i]++ }), r.Features()|r.RingFeatures()); err == nil {
			started++
		}
	}
	pause()
	r.ReadConfig(8, b[:])
	r.WriteConfig(4, b[:3])
	pause()
	for i := range g.queues {
		r.StopQueue(i)
	}
	r.Reset()
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	for i, n := range told {
		if n > 1 || n > 0 && started == 0 {
			t.Errorf("queue %d was reported as broken %d times", i, n)
		}
	}
}
