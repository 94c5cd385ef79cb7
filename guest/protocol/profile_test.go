// SPDX-License-Identifier: MIT OR Apache-2.0

package protocol

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProfile(t *testing.T) {
	want := []Profile{{"cpu", []byte("data")}, {"allocs", []byte{}}, {"sixteenlettersab", bytes.Repeat([]byte{7}, maxProfileSize)}}
	var encoded []byte
	for _, p := range want {
		encoded = p.Append(encoded)
	}
	r := bytes.NewReader(encoded)
	for _, p := range want {
		got, err := ReadProfile(r)
		require.NoError(t, err)
		require.Equal(t, p, got)
	}
	_, err := ReadProfile(r)
	require.Equal(t, io.EOF, err)
}

func TestReadProfileErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"cut off", "abxp\x00\x01\x00\x03", "unexpected EOF"},
		{"cut off before the kind", "abxp\x00\x01\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01", "unexpected EOF"},
		{"cut off in the data", "abxp\x00\x01\x00\x03\x00\x00\x00\x00\x00\x00\x00\x02cpux", "unexpected EOF"},
		{"magic", "abxs\x00\x01\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01", `magic "abxs"`},
		{"version", "abxp\x00\x02\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01", "2 on the other side"},
		{"no kind", "abxp\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "kind of 0 bytes"},
		{"long kind", "abxp\x00\x01\x00\x11\x00\x00\x00\x00\x00\x00\x00\x01", "kind of 17 bytes"},
		{"a path for a kind", "abxp\x00\x01\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01../", `kind "../"`},
		{"large", "abxp\x00\x01\x00\x03\xff\x00\x00\x00\x00\x00\x00\x01cpu", "are too many"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := ReadProfile(bytes.NewReader([]byte(tt.in)))
			require.ErrorContains(t, err, tt.want)
			require.Zero(t, p)
		})
	}
}

func FuzzReadProfile(f *testing.F) {
	f.Add(Profile{"cpu", []byte("x")}.Append(nil))
	f.Add([]byte("abxp"))
	f.Add([]byte("abxp\x00\x01\x00\x03\x00\x00\x00\x00\x00\x7f\xff\xffcpu"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ReadProfile(bytes.NewReader(in))
		if err != nil {
			require.Zero(t, p)
			return
		}
		require.True(t, bytes.HasPrefix(in, p.Append(nil)))
	})
}
