// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package mount

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestParse(t *testing.T) {
	for _, tt := range []struct {
		options           string
		bits, propagation uintptr
		data              string
	}{
		{"", 0, 0, ""},
		{"defaults", 0, 0, ""},
		{"ro,nosuid,nodev,noexec", unix.MS_RDONLY | unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC, 0, ""},
		{"ro,rw", 0, 0, ""},
		{"rbind,rslave", unix.MS_BIND | unix.MS_REC, unix.MS_SLAVE | unix.MS_REC, ""},
		{"size=1m,ro,mode=755", unix.MS_RDONLY, 0, "size=1m,mode=755"},
		{"dax=always", 0, 0, "dax=always"},
	} {
		t.Run(tt.options, func(t *testing.T) {
			bits, propagation, data := parse(strings.Split(tt.options, ","))
			require.Equal(t, tt.bits, bits)
			require.Equal(t, tt.propagation, propagation)
			require.Equal(t, tt.data, data)
		})
	}
}

func TestMakeTarget(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, MakeTarget(filepath.Join(dir, "a/b"), false))
	require.DirExists(t, filepath.Join(dir, "a/b"))
	require.NoError(t, MakeTarget(filepath.Join(dir, "c/file"), true))
	require.FileExists(t, filepath.Join(dir, "c/file"))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "full"), []byte("x"), 0o600))
	require.NoError(t, MakeTarget(filepath.Join(dir, "full"), true))
	content, err := os.ReadFile(filepath.Join(dir, "full"))
	require.NoError(t, err)
	require.Equal(t, "x", string(content))
	require.Error(t, MakeTarget(filepath.Join(dir, "full/below"), false))
}

func TestDoErrors(t *testing.T) {
	for _, tt := range []struct {
		mount Mount
		text  string
	}{
		{Mount{Source: "x"}, `target "" is not an absolute path`},
		{Mount{Source: "x", Target: "relative"}, "not an absolute path"},
		{Mount{Source: "/no/such", Target: t.TempDir() + "/new", Options: []string{"bind"}}, "no such file"},
	} {
		require.ErrorContains(t, Do(tt.mount), tt.text)
	}
}
