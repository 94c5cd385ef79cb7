// SPDX-License-Identifier: MIT OR Apache-2.0

package kmod

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/kernel/kerneltest"
)

func TestParseInfo(t *testing.T) {
	for _, tc := range []struct {
		name, section string
		want          Info
	}{
		{name: "empty"},
		{name: "only zeroes", section: "\x00\x00\x00"},
		{
			name:    "a virtio driver",
			section: "license=GPL\x00alias=virtio:d00000013v*\x00depends=vsock,virtio-common\x00name=virtio-vsock\x00vermagic=6.1.176 SMP mod_unload \x00",
			want: Info{
				Name: "virtio_vsock", Release: "6.1.176", Depends: []string{"vsock", "virtio_common"},
				Aliases: []string{"virtio:d00000013v*"},
			},
		},
		{name: "no dependencies", section: "depends=\x00"},
		{name: "stray commas", section: "depends=,a,,b,\x00", want: Info{Depends: []string{"a", "b"}}},
		{name: "several softdeps", section: "softdep=pre: a b post: c\x00softdep=pre: d\x00", want: Info{SoftPre: []string{"a", "b", "d"}, SoftPost: []string{"c"}}},
		{name: "softdep without a kind", section: "softdep=a b\x00"},
		{name: "no key", section: "nothing\x00=value\x00"},
		{name: "last one not ended", section: "name=x", want: Info{Name: "x"}},
		{name: "equals sign in a value", section: "alias=a=b\x00", want: Info{Aliases: []string{"a=b"}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, ParseInfo([]byte(tc.section)))
		})
	}
}

func TestReadInfo(t *testing.T) {
	whole := kerneltest.Module("name=a", "depends=b")
	got, err := ReadInfo(bytes.NewReader(whole))
	require.NoError(t, err)
	require.Equal(t, Info{Name: "a", Depends: []string{"b"}}, got)

	for n := range whole {
		_, err := ReadInfo(bytes.NewReader(whole[:n]))
		require.Error(t, err, "truncated to %d of %d bytes", n, len(whole))
	}
	_, err = ReadInfo(bytes.NewReader(kerneltest.UML("6.1")))
	require.ErrorContains(t, err, "no .modinfo")
}

func FuzzReadInfo(f *testing.F) {
	whole := kerneltest.Module("name=a", "depends=b,c", "softdep=pre: d post: e", "alias=*")
	f.Add(whole)
	f.Add(whole[:len(whole)-1])
	f.Add(whole[:64])
	f.Add(kerneltest.UML("6.1"))
	f.Add([]byte("\x7fELF"))
	f.Add([]byte(nil))
	for i := 0; i < 64; i += 4 { // damage each field of the header
		bad := bytes.Clone(whole)
		copy(bad[i:], "\xff\xff\xff\xff")
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		info, err := ReadInfo(bytes.NewReader(data))
		if err != nil {
			require.Zero(t, info)
			return
		}
		require.NotContains(t, info.Name, "-")
		for _, d := range info.Depends {
			require.NotEmpty(t, d)
			require.False(t, strings.ContainsAny(d, ",-\x00"), d)
		}
	})
}
