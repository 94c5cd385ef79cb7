// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio/virtiotest"
)

// TestFrontendBadReply: a back end that answers nonsense is an error, and leaves
// no descriptor behind.
func TestFrontendBadReply(t *testing.T) {
	ask := func(f *Frontend) error { _, err := f.Features(); return err }
	for _, tc := range []struct {
		name  string
		do    func(*Frontend) error
		reply []byte
		files bool
		want  string
	}{
		{"another request's", ask, appendMessage(nil, setFeatures, flagReply, number(0)), false, "reply is to SET_FEATURES"},
		{"no reply", ask, appendMessage(nil, getFeatures, 0, number(0)), false, "reply is to GET_FEATURES, flags 0x1"},
		{"descriptor", ask, appendMessage(nil, getFeatures, flagReply, number(0)), true, "1 descriptors"},
		{"short", ask, appendMessage(nil, getFeatures, flagReply, none{}), false, "0 bytes, want 8"},
		{"version", ask, words(1, 6, 0), false, "version 2"},
		{"oversized", ask, words(1, 5, 1<<20), false, "payload of"},
		{"cut", ask, words(1, 5), false, "unexpected EOF"},
		{"nothing", ask, nil, false, "EOF"},
		{"position", func(f *Frontend) error { _, err := f.VringBase(0); return err },
			appendMessage(nil, getVringBase, flagReply, number(0))[:16], false, "unexpected EOF"},
		{"configuration elsewhere", func(f *Frontend) error { return f.Config(0, make([]byte, 2)) },
			appendMessage(nil, getConfig, flagReply, configAccess{offset: 9, data: make([]byte, 2)}), false, "another part"},
		{"configuration of another size", func(f *Frontend) error { return f.Config(0, make([]byte, 2)) },
			appendMessage(nil, getConfig, flagReply, configAccess{data: make([]byte, 3)}), false, "another part"},
		{"configuration refused", func(f *Frontend) error { return f.Config(0, make([]byte, 2)) },
			appendMessage(nil, getConfig, flagReply, none{}), false, ErrRefused.Error()},
		{"refused", func(f *Frontend) error { f.protocol = ProtocolReplyAck; return f.SetOwner() },
			appendMessage(nil, setOwner, flagReply, number(5)), false, ErrRefused.Error()},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ours, theirs := pairOfConns(t)
			f := NewFrontend(ours)
			f.Timeout = patience
			before := virtiotest.OpenFiles(t)
			var fds []int
			if tc.files {
				fds = append(fds, virtiotest.Eventfd(t, 0))
				before++
			}
			if tc.reply != nil {
				require.NoError(t, newConn(theirs).write(tc.reply, fds))
			}
			require.NoError(t, theirs.CloseWrite())
			require.ErrorContains(t, tc.do(f), tc.want)
			require.Equal(t, before, virtiotest.OpenFiles(t))
			require.NoError(t, f.Close())
		})
	}
}

// TestFrontendLimits: what cannot be said is not sent.
func TestFrontendLimits(t *testing.T) {
	ours, theirs := pairOfConns(t)
	f := NewFrontend(ours)
	require.ErrorContains(t, f.SetVringKick(256, 0), "number 256")
	require.ErrorContains(t, f.SetVringKick(-1, 0), "number -1")
	require.ErrorContains(t, f.SetMemTable(make([]MemRegion, 9), make([]int, 9)), "at most 8")
	require.ErrorContains(t, f.SetMemTable(make([]MemRegion, 1), nil), "1 regions in 0 files")
	require.ErrorContains(t, f.Config(0, make([]byte, 257)), "at most 256")
	require.NoError(t, f.Close())
	_, err := io.ReadFull(theirs, make([]byte, 1))
	require.Equal(t, io.EOF, err)
}

// TestFrontendTimeout: a silent back end does not hold the front end for ever.
func TestFrontendTimeout(t *testing.T) {
	ours, _ := pairOfConns(t)
	f := NewFrontend(ours)
	f.Timeout = 10 * time.Millisecond
	_, err := f.Features()
	require.ErrorContains(t, err, "GET_FEATURES")
	require.ErrorContains(t, err, "timeout")
}

// TestFrontendChannel: the back end's requests are answered if it wants that, and
// nonsense costs it the channel.
func TestFrontendChannel(t *testing.T) {
	ours, theirs := pairOfConns(t)
	f := NewFrontend(ours)
	calls := 0
	require.NoError(t, f.OpenChannel(func() { calls++ }))
	m, err := newConn(theirs).receive()
	require.NoError(t, err)
	require.Equal(t, setBackendChannel, m.request)
	ch := connOf(t, m.files.take(0))
	for _, tc := range []struct {
		req   request
		flags uint32
		p     payload
		want  number
	}{
		{configChanged, 0, none{}, 0},
		{configChanged, flagNeedReply, none{}, 0},
		{configChanged, flagNeedReply, number(1), 1},
		{99, flagNeedReply, none{}, 1},
	} {
		require.NoError(t, ch.send(tc.req, tc.flags, tc.p))
		if tc.flags == 0 {
			continue
		}
		m, err := ch.receive()
		require.NoError(t, err)
		require.Equal(t, tc.req, m.request)
		require.Equal(t, tc.want.append(nil), m.body)
	}
	require.NoError(t, ch.send(configChanged, flagReply, none{}))
	_, err = ch.receive()
	require.Equal(t, io.EOF, err)

	// A second channel takes the place of the first.
	require.NoError(t, f.OpenChannel(func() {}))
	require.NoError(t, f.Close())
	require.Equal(t, 2, calls)
}
