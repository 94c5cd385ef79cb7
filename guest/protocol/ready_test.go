// SPDX-License-Identifier: MIT OR Apache-2.0

package protocol

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReady(t *testing.T) {
	for _, tt := range []struct {
		name     string
		in, want Ready
	}{
		{"plain", Ready{Version, "v1.2", 5 * time.Millisecond}, Ready{Version, "v1.2", 5 * time.Millisecond}},
		{"without a version", Ready{Version: Version}, Ready{Version: Version}},
		{"long version", Ready{Version, strings.Repeat("x", 1000), 1}, Ready{Version, strings.Repeat("x", 64), 1}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := bytes.NewReader(append(tt.in.Append(nil), "rest"...))
			got, err := ReadReady(r)
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
			require.Equal(t, 4, r.Len(), "what follows the record is left alone")
		})
	}
}

func TestReadReadyErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in, want string
	}{
		{"nothing", "", "EOF"},
		{"cut off", "abxr\x00\x01\x00\x03\x00", "unexpected EOF"},
		{"cut off in the version", "abxr\x00\x01\x00\x03\x00\x00\x00\x00\x00\x00\x00\x01v1", "unexpected EOF"},
		{"magic", "abxs\x00\x01\x00\x03\x01\x02\x03\x04\x05\x06\x07\x08", `magic "abxs"`},
		{"version", "abxr\xff\xfe\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "65534 on the other side"},
		{"long version", "abxr\x00\x01\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01", "version of 65535 bytes"},
		{"negative time", "abxr\x00\x01\x00\x00\xff\x00\x00\x00\x00\x00\x00\x01", "out of range"},
		{"no text", "abxr\x00\x01\x00\x02\x00\x00\x00\x00\x00\x00\x00\x01\xff\xfe", "not text"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := ReadReady(bytes.NewReader([]byte(tt.in)))
			require.ErrorContains(t, err, tt.want)
			require.Zero(t, r)
		})
	}
}

func FuzzReadReady(f *testing.F) {
	f.Add(Ready{Version, "v1", time.Second}.Append(nil))
	f.Add([]byte("abxr"))
	f.Add([]byte("abxr\x00\x01\xff\xff\x00\x00\x00\x00\x00\x00\x00\x01"))
	f.Add([]byte("abxr\x00\x01\x00\x02\x80\x00\x00\x00\x00\x00\x00\x01\xff\xfe"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r, err := ReadReady(bytes.NewReader(in))
		if err != nil {
			require.Zero(t, r)
			return
		}
		require.GreaterOrEqual(t, r.SinceStart, time.Duration(0))
		require.True(t, bytes.HasPrefix(in, r.Append(nil)))
	})
}
