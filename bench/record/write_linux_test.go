// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"bufio"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// TestFullDisk lets the kernel refuse to make files longer, as it does on a full
// disk: the lines that fit stay whole, and nothing of the others.
func TestFullDisk(t *testing.T) {
	var before unix.Rlimit
	require.NoError(t, unix.Getrlimit(unix.RLIMIT_FSIZE, &before))
	signal.Ignore(syscall.SIGXFSZ)
	defer signal.Reset(syscall.SIGXFSZ)

	path := filepath.Join(t.TempDir(), "f")
	w, err := Create(path, []Label{{"host", "h"}}, nil)
	require.NoError(t, err)
	defer w.Close()
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 100, Max: before.Max}))
	written := 0
	for err = w.Write(samples[1]); err == nil; err = w.Write(samples[1]) {
		written++
	}
	require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &before))
	require.ErrorIs(t, err, syscall.EFBIG)

	require.NoError(t, w.Write(samples[0]), "there is room again")
	runs, warnings, err := Read(path)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Len(t, runs[0].Samples, written+1)
	require.Equal(t, samples[0], runs[0].Samples[written])
}

// TestKilledWriter ends a writing process by force: every sample that Write has
// returned for is in the file.
func TestKilledWriter(t *testing.T) {
	const env = "RECORD_TEST_FILE"
	if path := os.Getenv(env); path != "" {
		w, err := Create(path, []Label{{"host", "h"}}, nil)
		require.NoError(t, err)
		for {
			require.NoError(t, w.Write(samples[0]))
			os.Stdout.WriteString("written\n")
		}
	}
	path := filepath.Join(t.TempDir(), "f")
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledWriter$")
	cmd.Env = append(os.Environ(), env+"="+path)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	told := 0
	for lines := bufio.NewScanner(out); lines.Scan(); told++ {
		if told == 200 {
			require.NoError(t, cmd.Process.Kill())
		}
	}
	_ = cmd.Wait() // killed

	runs, warnings, err := Read(path)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.GreaterOrEqual(t, len(runs[0].Samples), told)
}

// TestAppend: a run goes on where its file ends, and half a line does not stay.
func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	w, err := Create(path, []Label{{"host", "h"}}, nil)
	require.NoError(t, err)
	require.NoError(t, w.Write(Sample{Name: "A", Iters: 1, Round: 1, Values: []Value{{1, "x-ns"}}}))
	_, err = Append(path)
	require.ErrorContains(t, err, "another run is writing it")
	require.NoError(t, w.Close())

	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = f.WriteString("BenchmarkA 1 99")
	require.NoError(t, err)
	require.NoError(t, f.Close())

	w, err = Append(path)
	require.NoError(t, err)
	require.NoError(t, w.Write(Sample{Name: "A", Iters: 1, Round: 2, Values: []Value{{2, "x-ns"}}}))
	require.NoError(t, w.Close())
	runs, warnings, err := Read(path)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, []Sample{
		{Name: "A", Iters: 1, Round: 1, Values: []Value{{1, "x-ns"}}},
		{Name: "A", Iters: 1, Round: 2, Values: []Value{{2, "x-ns"}}},
	}, runs[0].Samples)

	_, err = Append(filepath.Join(t.TempDir(), "absent"))
	require.ErrorIs(t, err, os.ErrNotExist)
}
