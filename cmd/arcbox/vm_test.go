// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
)

func TestEscapeReader(t *testing.T) {
	for _, c := range []struct {
		typed, want string
		escaped     bool
	}{
		{"ls\r", "ls\r", false},
		{"a\x01xb", "a", true},
		{"\x01X", "", true},
		{"\x01\x01x", "\x01x", false},
		{"\x01\x01\x01x", "\x01", true},
		{"\x01b\x01c", "\x01b\x01c", false},
		{"xX", "xX", false},
		{"", "", false},
	} {
		for name, reader := range map[string]io.Reader{
			"at once": strings.NewReader(c.typed), "key by key": iotest.OneByteReader(strings.NewReader(c.typed)),
		} {
			escaped := 0
			got, err := io.ReadAll(&escapeReader{keys: reader, escape: func() { escaped++ }})
			require.NoError(t, err)
			require.Equal(t, c.want, string(got), "%q %s", c.typed, name)
			require.Equal(t, c.escaped, escaped == 1, "%q %s", c.typed, name)
		}
	}
}

// FuzzEscapeReader: nothing is made up, and a small buffer is never overrun.
func FuzzEscapeReader(f *testing.F) {
	f.Add([]byte("a\x01\x01b\x01c\x01x"), 2)
	f.Fuzz(func(t *testing.T, typed []byte, size int) {
		size = 2 + (size&0x7fffffff)%16
		r := &escapeReader{keys: strings.NewReader(string(typed)), escape: func() {}}
		var got []byte
		for p := make([]byte, size); ; {
			n, err := r.Read(p)
			got = append(got, p[:n]...)
			if err != nil {
				break
			}
		}
		require.LessOrEqual(t, len(got), len(typed))
		require.Equal(t, strings.Count(string(got), "b"), strings.Count(string(typed[:consumed(typed)]), "b"))
	})
}

// consumed is how much of what was typed comes before the escape.
func consumed(typed []byte) int {
	for i := 0; i+1 < len(typed); i++ {
		if typed[i] != escapeKey {
			continue
		}
		if typed[i+1] == 'x' || typed[i+1] == 'X' {
			return i
		}
		i++
	}
	return len(typed)
}

func TestParseDisk(t *testing.T) {
	abs := func(name string) string {
		path, err := filepath.Abs(name)
		require.NoError(t, err)
		return path
	}
	for given, want := range map[string]hypervisor.Disk{
		"root.img":       {ID: "disk3", Path: abs("root.img")},
		"/x/root.img,ro": {ID: "disk3", Path: "/x/root.img", ReadOnly: true},
		"a,rox":          {ID: "disk3", Path: abs("a,rox")},
	} {
		disk, remote, err := parseDisk(given, 3)
		require.NoError(t, err)
		require.Nil(t, remote)
		require.Equal(t, want, disk)
	}
	_, remote, err := parseDisk("vhost-user:/run/blk.sock", 0)
	require.NoError(t, err)
	require.Equal(t, &hypervisor.Remote{Kind: "blk", Socket: "/run/blk.sock"}, remote)
	for _, bad := range []string{"", ",ro", "vhost-user:"} {
		_, _, err := parseDisk(bad, 0)
		require.ErrorIs(t, err, errdefs.ErrInvalid, "%q", bad)
	}
}

func TestVMConfig(t *testing.T) {
	cfg, err := vmFlags{
		kernel: "/k", initrd: "/i", cmdline: " a=1  b ", cpus: "2", memory: "1g",
		disks: []string{"/d", "vhost-user:/b"}, nets: []string{"vhost-user:/n"}, vsock: true, driver: "kvm",
	}.config()
	require.NoError(t, err)
	require.Equal(t, []string{"a=1", "b"}, cfg.Cmdline)
	require.Equal(t, []hypervisor.Disk{{ID: "disk0", Path: "/d"}}, cfg.Disks)
	require.Equal(t, []hypervisor.Remote{{Kind: "blk", Socket: "/b"}, {Kind: "net", Socket: "/n"}}, cfg.Remotes)
	require.Equal(t, 2, cfg.CPUs)
	require.EqualValues(t, 1<<30, cfg.Memory)
	require.True(t, cfg.Vsock)

	for _, bad := range []vmFlags{
		{}, {kernel: "/k", cpus: "0"}, {kernel: "/k", memory: "much"}, {kernel: "/k", disks: []string{""}}, {kernel: "/k", nets: []string{"tap0"}},
	} {
		_, err := bad.config()
		require.Error(t, err, "%+v", bad)
		require.NotContains(t, err.Error(), "\n")
	}
}

func TestDescribeEnd(t *testing.T) {
	require.Equal(t, "the VM ended: panic: no init", describeEnd(hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "no init"}))
	require.Equal(t, "the VM ended: reboot", describeEnd(hypervisor.Exit{Reason: hypervisor.ExitReboot}))
}
