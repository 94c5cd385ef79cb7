// SPDX-License-Identifier: MIT OR Apache-2.0

package profile

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStart(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when", "needed")
	rate := runtime.MemProfileRate
	stop, err := Start(dir, "vmm-1")
	require.NoError(t, err)
	require.Equal(t, allocRate, runtime.MemProfileRate)
	require.Equal(t, mutexFraction, runtime.SetMutexProfileFraction(-1))

	_, err = Start(dir, "other")
	require.ErrorContains(t, err, "profiling: cpu profiling already in use")

	require.NoError(t, stop())
	require.Equal(t, rate, runtime.MemProfileRate)
	require.Zero(t, runtime.SetMutexProfileFraction(-1))
	for _, kind := range Kinds {
		data, err := os.ReadFile(filepath.Join(dir, "vmm-1."+string(kind)+".pprof"))
		require.NoError(t, err)
		_, err = gzip.NewReader(bytes.NewReader(data))
		require.NoError(t, err)
	}
	require.NoError(t, os.RemoveAll(dir))
	require.NoError(t, stop(), "nothing more to do")
	require.NoDirExists(t, dir)
}

func TestStartRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	for name, where := range map[string][2]string{
		"no name":           {t.TempDir(), ""},
		"a name of folders": {t.TempDir(), "../vmm"},
		"not a folder":      {file, "vmm"},
		"below a file":      {filepath.Join(file, "dir"), "vmm"},
	} {
		_, err := Start(where[0], where[1])
		require.ErrorContains(t, err, "profiling: ", name)
	}
	stop, err := Start(t.TempDir(), "vmm")
	require.NoError(t, err, "nothing was left running")
	require.NoError(t, stop())
}

func TestStopSaysWhatCouldNotBeSaved(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "dir")
	stop, err := Start(dir, "vmm")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(dir, nil, 0o600))
	require.ErrorContains(t, stop(), "saving profiles: ")
}

func TestSnapshotHasAllButTheCPU(t *testing.T) {
	set, err := Snapshot()
	require.NoError(t, err)
	require.Len(t, set, len(Kinds)-1)
	require.NotContains(t, set, CPU)
}
