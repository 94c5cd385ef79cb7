// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// words lays out 32-bit numbers as the protocol does.
func words(v ...uint32) (b []byte) {
	for _, w := range v {
		b = binary.NativeEndian.AppendUint32(b, w)
	}
	return b
}

// longs lays out 64-bit numbers as the protocol does.
func longs(v ...uint64) (b []byte) {
	for _, w := range v {
		b = binary.NativeEndian.AppendUint64(b, w)
	}
	return b
}

// table lays out a memory table that claims to have n regions.
func table(n uint32, regions ...uint64) []byte { return append(words(n, 0), longs(regions...)...) }

// config lays out a configuration access that claims to be of size bytes.
func config(offset, size, flags uint32, data ...byte) []byte {
	return append(words(offset, size, flags), data...)
}

// raw is a payload of any bytes with any number of descriptors.
type raw struct {
	bytes []byte
	n     int
}

func (r raw) append(b []byte) []byte { return append(b, r.bytes...) }
func (r raw) files() int             { return r.n }

func TestParseHeader(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		want header
		err  string
	}{
		{name: "request", in: words(1, 1, 0), want: header{request: getFeatures, flags: 1}},
		{name: "needs reply", in: words(24, 9, 13), want: header{request: getConfig, flags: 9, size: 13}},
		{name: "largest", in: words(5, 1, maxPayload), want: header{request: setMemTable, flags: 1, size: maxPayload}},
		{name: "empty", err: "0 bytes, want 12"},
		{name: "short", in: words(1, 1), err: "8 bytes, want 12"},
		{name: "no version", in: words(1, 0, 0), err: "version 0, want 1"},
		{name: "wrong version", in: words(1, 2, 0), err: "version 2, want 1"},
		{name: "oversized", in: words(5, 1, maxPayload+1), err: "payload of 269 bytes"},
		{name: "huge", in: words(5, 1, math.MaxUint32), err: "payload of 4294967295 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseHeader(tc.in)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				require.Zero(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

// requestCases are payloads good and bad, seeds of the fuzz target too.
var requestCases = []struct {
	name  string
	req   request
	body  []byte
	files int
	want  payload
	err   string
}{
	{name: "no payload", req: getFeatures, want: none{}},
	{name: "payload where none belongs", req: setOwner, body: words(0), err: "4 bytes, want 0"},
	{name: "descriptor where none belongs", req: getFeatures, files: 1, err: "1 descriptors came with it, want 0"},
	{name: "number", req: setFeatures, body: longs(1 << 32), want: number(1 << 32)},
	{name: "short number", req: setFeatures, body: words(1), err: "4 bytes, want 8"},
	{name: "long number", req: setProtocolFeatures, body: longs(1, 2), err: "16 bytes, want 8"},
	{name: "channel", req: setBackendChannel, files: 1, want: file{}},
	{name: "channel without descriptor", req: setBackendChannel, err: "0 descriptors came with it, want 1"},
	{name: "unknown request", req: 77, err: "unknown or not offered"},
	{name: "request 0", req: 0, err: "unknown or not offered"},
	{name: "log that is not offered", req: 6, body: longs(0, 0), files: 1, err: "unknown or not offered"},

	{name: "state", req: setVringNum, body: words(1, 256), want: vringState{1, 256}},
	{name: "short state", req: setVringNum, body: words(1), err: "4 bytes, want 8"},
	{name: "state with descriptor", req: setVringBase, body: words(1, 2), files: 1, err: "1 descriptors came with it, want 0"},
	{name: "largest index", req: setVringEnable, body: words(math.MaxUint32, 1), want: vringState{math.MaxUint32, 1}},

	{name: "addresses", req: setVringAddr, body: append(words(1, 0), longs(0x1000, 0x3000, 0x2000, math.MaxUint64)...),
		want: vringAddr{1, VringAddr{Desc: 0x1000, Used: 0x3000, Avail: 0x2000}}},
	{name: "addresses with log", req: setVringAddr, body: append(words(1, 1), longs(1, 2, 3, 4)...), err: "flags 0x1 are not supported"},
	{name: "short addresses", req: setVringAddr, body: words(1, 0), err: "8 bytes, want 40"},

	{name: "kick", req: setVringKick, body: longs(3), files: 1, want: vringFile{index: 3}},
	{name: "no call", req: setVringCall, body: longs(0x103), want: vringFile{index: 3, noFile: true}},
	{name: "kick without descriptor", req: setVringKick, body: longs(3), err: "0 descriptors came with it, want 1"},
	{name: "no call with descriptor", req: setVringCall, body: longs(0x103), files: 1, err: "1 descriptors came with it, want 0"},
	{name: "kick with two", req: setVringKick, body: longs(3), files: 2, err: "2 descriptors came with it, want 1"},
	{name: "bits beyond the index", req: setVringErr, body: longs(1 << 32), files: 1, err: "unknown bits"},

	{name: "one region", req: setMemTable, body: table(1, 0x1000, 0x2000, 0x3000, 0x4000), files: 1,
		want: memTable{{0x1000, 0x2000, 0x3000, 0x4000}}},
	{name: "room for another", req: setMemTable, body: table(1, 0x1000, 0x2000, 0x3000, 0x4000, 0, 0, 0, 0), files: 1,
		want: memTable{{0x1000, 0x2000, 0x3000, 0x4000}}},
	{name: "region to the last byte", req: setMemTable, body: table(1, math.MaxUint64, 1, math.MaxUint64, math.MaxInt64), files: 1,
		want: memTable{{math.MaxUint64, 1, math.MaxUint64, math.MaxInt64}}},
	{name: "no table", req: setMemTable, body: words(1), files: 1, err: "4 bytes, want at least 8"},
	{name: "no regions", req: setMemTable, body: table(0), err: "memory table of 0 regions"},
	{name: "too many regions", req: setMemTable, body: table(9, make([]uint64, 32)...), files: 8, err: "memory table of 9 regions"},
	{name: "absurdly many regions", req: setMemTable, body: table(math.MaxUint32), err: "regions, want 1 to 8"},
	{name: "fewer regions than claimed", req: setMemTable, body: table(2, 1, 2, 3, 4), files: 2, err: "2 regions in 32 bytes"},
	{name: "half a region", req: setMemTable, body: table(1, 1, 2, 3, 4, 5), files: 1, err: "1 regions in 40 bytes"},
	{name: "fewer descriptors than regions", req: setMemTable, body: table(2, 0, 1, 0, 0, 1, 1, 1, 0), files: 1, err: "1 descriptors came with it, want 2"},
	{name: "more descriptors than regions", req: setMemTable, body: table(1, 0, 1, 0, 0), files: 8, err: "8 descriptors came with it, want 1"},
	{name: "empty region", req: setMemTable, body: table(1, 0, 0, 0, 0), files: 1, err: "region 0 is empty"},
	{name: "guest address wraps", req: setMemTable, body: table(1, math.MaxUint64, 2, 0, 0), files: 1, err: "region 0 wraps"},
	{name: "user address wraps", req: setMemTable, body: table(1, 0, 0x1001, math.MaxUint64-0xfff, 0), files: 1, err: "region 0 wraps"},
	{name: "offset wraps", req: setMemTable, body: table(1, 0, 2, 0, math.MaxInt64), files: 1, err: "region 0 wraps"},
	{name: "offset is negative", req: setMemTable, body: table(1, 0, 1, 0, 1<<63), files: 1, err: "region 0 wraps"},
	{name: "size beyond any file", req: setMemTable, body: table(1, 0, math.MaxUint64, 0, 0), files: 1, err: "region 0 wraps"},

	{name: "one byte of configuration", req: getConfig, body: config(5, 1, 0, 0), want: configAccess{offset: 5, data: []byte{0}}},
	{name: "write of configuration", req: setConfig, body: config(0, 3, 1, 7, 8, 9), want: configAccess{flags: 1, data: []byte{7, 8, 9}}},
	{name: "whole configuration", req: getConfig, body: config(0, 256, 0, make([]byte, 256)...), want: configAccess{data: make([]byte, 256)}},
	{name: "short configuration header", req: getConfig, body: words(0, 0), err: "8 bytes, want at least 12"},
	{name: "no configuration", req: getConfig, body: config(0, 0, 0), err: "0 bytes at 0"},
	{name: "less configuration than claimed", req: getConfig, body: config(0, 2, 0, 1), err: "2 bytes with 1 bytes"},
	{name: "more configuration than claimed", req: setConfig, body: config(0, 1, 0, 1, 2), err: "1 bytes with 2 bytes"},
	{name: "beyond the configuration", req: getConfig, body: config(256, 1, 0, 0), err: "at most 256"},
	{name: "configuration wraps", req: getConfig, body: config(math.MaxUint32, 2, 0, 0, 0), err: "at most 256"},
}

func TestParseRequest(t *testing.T) {
	for _, tc := range requestCases {
		t.Run(tc.name, func(t *testing.T) {
			got, err := parseRequest(tc.req, tc.body, tc.files)
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				require.Nil(t, got)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

// FuzzMessage reads messages from any bytes. What is accepted must be the same
// after it was written and read again.
func FuzzMessage(f *testing.F) {
	for _, tc := range requestCases {
		m := appendMessage(nil, tc.req, flagNeedReply, raw{tc.body, tc.files})
		f.Add(m, uint8(tc.files))
	}
	f.Add(words(1, 1), uint8(0))
	f.Add(words(1, 2, 0), uint8(0))
	f.Add(words(5, 1, math.MaxUint32), uint8(255))
	f.Add(words(5, 5, 0), uint8(0))
	f.Fuzz(func(t *testing.T, b []byte, files uint8) {
		head, body := b[:min(len(b), headerSize)], b[min(len(b), headerSize):]
		h, err := parseHeader(head)
		if err != nil {
			require.Zero(t, h)
			return
		}
		require.LessOrEqual(t, h.size, uint32(maxPayload))
		body = body[:min(len(body), int(h.size))]
		p, err := parseRequest(h.request, body, int(files))
		if (err == nil) == (p == nil) {
			t.Fatalf("got both or neither of payload %v and error %v", p, err)
		}
		if err != nil {
			return
		}
		require.Equal(t, int(files), p.files())
		again := appendMessage(nil, h.request, h.flags, p)
		require.LessOrEqual(t, len(again), headerSize+maxPayload)
		h2, err := parseHeader(again[:headerSize])
		require.NoError(t, err)
		require.Equal(t, h.request, h2.request)
		p2, err := parseRequest(h2.request, again[headerSize:], int(files))
		require.NoError(t, err)
		require.Equal(t, p, p2)
	})
}

func TestRequestNames(t *testing.T) {
	require.Equal(t, "SET_MEM_TABLE", setMemTable.String())
	require.Equal(t, "request 77", request(77).String())
}
