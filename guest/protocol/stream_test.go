// SPDX-License-Identifier: MIT OR Apache-2.0

package protocol

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStreamHeader(t *testing.T) {
	h := StreamHeader{ID: 0x0102030405060708, Stream: Stderr}
	encoded := h.Append(nil)
	require.Equal(t, []byte("abxs\x00\x01\x00\x03\x01\x02\x03\x04\x05\x06\x07\x08"), encoded)
	require.Len(t, encoded, StreamHeaderSize)

	r := bytes.NewReader(append(encoded, "rest"...))
	got, err := ReadStreamHeader(r)
	require.NoError(t, err)
	require.Equal(t, h, got)
	require.Equal(t, 4, r.Len(), "what follows the header is left alone")
}

func TestReadStreamHeaderErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"nothing", "", "EOF"},
		{"cut off", "abxs\x00\x01\x00\x03\x01\x02\x03\x04\x05\x06\x07", "unexpected EOF"},
		{"magic", "GET / HTTP/1.1\r\n", `magic "GET "`},
		{"version", "abxs\x00\x02\x00\x03\x01\x02\x03\x04\x05\x06\x07\x08", "protocol version 1 here, 2 on the other side"},
		{"id", "abxs\x00\x01\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00", "id 0"},
		{"stream 0", "abxs\x00\x01\x00\x00\x01\x02\x03\x04\x05\x06\x07\x08", "unknown stream 0"},
		{"stream 5", "abxs\x00\x01\x00\x05\x01\x02\x03\x04\x05\x06\x07\x08", "unknown stream 5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h, err := ReadStreamHeader(bytes.NewReader([]byte(tt.in)))
			require.ErrorContains(t, err, tt.want)
			require.Zero(t, h)
		})
	}
}

func FuzzReadStreamHeader(f *testing.F) {
	f.Add(StreamHeader{ID: 1, Stream: Stdin}.Append(nil))
	f.Add(StreamHeader{ID: ^uint64(0), Stream: Terminal}.Append(nil))
	f.Add([]byte("abxs"))
	f.Add([]byte("abxs\xff\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, in []byte) {
		h, err := ReadStreamHeader(bytes.NewReader(in))
		if err != nil {
			require.Zero(t, h)
			return
		}
		require.Equal(t, in[:StreamHeaderSize], h.Append(nil))
	})
}
