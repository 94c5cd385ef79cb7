// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

// Kinds of descriptors that FuzzSession sends.
const (
	kindMemory = iota
	kindEvent
	kindSocket
	kinds
)

// script writes messages for FuzzSession: request, flags, number of descriptors,
// kind of descriptor, length of payload, payload.
func script(messages ...hostile) (b []byte) {
	for _, m := range messages {
		kind := kindEvent
		switch m.req {
		case setMemTable:
			kind = kindMemory
		case setBackendChannel:
			kind = kindSocket
		}
		b = append(b, byte(m.req), flagNeedReply, byte(m.files), byte(kind), byte(len(m.body)))
		b = append(b, m.body...)
	}
	return b
}

// FuzzSession plays scripts of messages to a Backend. Whatever they are, serving
// ends with the connection, and nothing is left of it.
func FuzzSession(f *testing.F) {
	r := umlRegions()[0]
	setUp := []hostile{
		{req: setFeatures, body: longs(virtio.QueueFeatures | FeatureProtocol)},
		{req: setMemTable, body: table(1, r.GuestAddr, r.Size, r.UserAddr, r.Offset), files: 1},
		{req: setVringNum, body: words(0, 64)},
		{req: setVringAddr, body: append(words(0, 0), longs(0x6000, 0x8000, 0x7000, 0)...)},
		{req: setVringEnable, body: words(0, 1)},
		{req: setVringCall, body: longs(0), files: 1},
		{req: setVringKick, body: longs(0), files: 1},
	}
	f.Add(script(setUp...))
	for _, tc := range append(stateCases, parserCases()...) {
		f.Add(script(append(setUp[:len(setUp):len(setUp)], hostile{req: tc.req, body: tc.body, files: tc.files})...))
	}
	f.Add(script(append(setUp, setUp...)...))
	f.Add(script(append(setUp, hostile{req: getVringBase, body: words(0, 0)}, hostile{req: resetDevice}, hostile{req: resetOwner})...))

	mem, err := unix.MemfdCreate("vhostuser-test", unix.MFD_CLOEXEC)
	if err != nil {
		f.Fatal(err)
	}
	defer unix.Close(mem)
	if err := unix.Ftruncate(mem, int64(r.Offset+r.Size)); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		event, err := unix.Eventfd(1, unix.EFD_CLOEXEC)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(event)
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(pair[0])
		defer unix.Close(pair[1])
		ours, theirs := pairOfConns(t)
		palette := [kinds]int{mem, event, pair[0]}
		before, mapped := virtiotest.OpenFiles(t), countMappings(t)

		dev := &echo{}
		served := make(chan error, 1)
		go func() { served <- NewBackend(dev, nil).ServeConn(theirs) }()
		c := newConn(ours)
		go func() { _, _ = io.Copy(io.Discard, ours) }() // replies
		for len(b) >= 5 {
			req, flags, n, kind, size := request(b[0]), uint32(b[1]), int(b[2]%10), int(b[3]), int(b[4])
			body := b[5:min(len(b), 5+size)]
			b = b[5+len(body):]
			var fds []int
			for range n {
				fds = append(fds, palette[kind%kinds])
			}
			if c.send(req, flags&^(versionMask|flagReply), raw{body, n}, fds...) != nil {
				break
			}
		}
		_ = ours.CloseWrite()
		select {
		case <-served:
		case <-time.After(patience):
			t.Fatal("still serving")
		}
		if !dev.Idle() {
			t.Error("queues that run")
		}
		_, resets := dev.counts()
		if resets == 0 {
			t.Error("the device was not reset")
		}
		// theirs is closed by now.
		if got := virtiotest.OpenFiles(t); got != before-1 {
			t.Errorf("%d descriptors are open, want %d", got, before-1)
		}
		if got := countMappings(t); got != mapped {
			t.Errorf("%d mappings, want %d", got, mapped)
		}
	})
}
