// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package tool

import (
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/programtest"
)

func TestCheckMissing(t *testing.T) {
	programtest.Missing(t)
	for _, spec := range []Spec{Passt, Slirp4netns} {
		m := New(spec)
		m.goos = spec.OS
		err := m.Check(t.Context())
		require.ErrorIs(t, err, target.ErrMissing)
		require.EqualError(t, err, spec.Name+" is not installed (install the package "+spec.Name+")")
	}
	elsewhere := New(Virtiofsd)
	elsewhere.goos = "darwin"
	err := elsewhere.Check(t.Context())
	require.ErrorIs(t, err, target.ErrMissing)
	require.EqualError(t, err, "virtiofsd is measured on linux only")
}

func TestVersion(t *testing.T) {
	path := programtest.Fake(t, "helper", `[ "$1" = -V ] && printf 'helper\t7\nmore\n'`)
	for _, programs := range [][]string{{"helper"}, {"absent", "/absent/too", path}} {
		m := New(Spec{Name: "helper", Programs: programs, Version: []string{"-V"}, OS: runtime.GOOS})
		require.NoError(t, m.Check(t.Context()))
		require.Equal(t, path, m.Path())
		require.NoError(t, m.Prepare(t.Context()))
		require.Regexp(t, `^helper 7, sha256 [0-9a-f]{64}$`, m.Version())
		require.NoError(t, m.Clean())
	}
	bad := New(Spec{Name: "helper", Programs: []string{"helper"}, Version: []string{"--bad"}, OS: runtime.GOOS})
	require.NoError(t, bad.Check(t.Context()))
	require.EqualError(t, bad.Prepare(t.Context()), "running helper: exit status 1")
}

// TestReal asks those that are installed.
func TestReal(t *testing.T) {
	for _, spec := range []Spec{Passt, Slirp4netns, Virtiofsd} {
		t.Run(spec.Name, func(t *testing.T) {
			m := New(spec)
			if err := m.Check(t.Context()); err != nil {
				t.Skip(err)
			}
			require.NoError(t, m.Prepare(t.Context()))
			require.Contains(t, m.Version(), spec.Name)
			require.FileExists(t, m.Path())
		})
	}
}

func TestDigest(t *testing.T) {
	path := t.TempDir() + "/empty"
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	got, err := digest(path)
	require.NoError(t, err)
	require.Equal(t, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", got, "FIPS 180-4, of nothing")
	_, err = digest(path + "x")
	require.ErrorIs(t, err, os.ErrNotExist)
}
