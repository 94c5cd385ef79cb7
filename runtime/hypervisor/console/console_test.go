// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
)

func TestKeepsTheLast(t *testing.T) {
	for _, size := range []int{0, 1, Keep - 1, Keep, Keep + 1, 3*Keep + 17} {
		text := make([]byte, size)
		for i := range text {
			text[i] = byte(i % 251)
		}
		c := New()
		c.CopyFrom(iotest.OneByteReader(bytes.NewReader(text)), nil)
		got, err := io.ReadAll(c.Reader())
		require.NoError(t, err)
		require.Equal(t, text[max(0, size-Keep):], append([]byte{}, got...), "of %d bytes", size)
		require.Equal(t, size > 0, c.FirstByte() > 0)
	}
}

func TestFollowsAndEnds(t *testing.T) {
	c := New()
	r, w := io.Pipe()
	go c.CopyFrom(r, nil)
	reader := c.Reader()
	buf := make([]byte, 5)
	for _, text := range []string{"first", "later"} {
		w.Write([]byte(text))
		_, err := io.ReadFull(reader, buf)
		require.NoError(t, err)
		require.Equal(t, text, string(buf))
	}
	closed := c.Reader()
	done := make(chan error)
	go func() {
		io.ReadFull(closed, make([]byte, 10))
		_, err := closed.Read(buf)
		done <- err
	}()
	closed.Close()
	require.ErrorIs(t, <-done, os.ErrClosed)
	w.Close()
	_, err := reader.Read(buf)
	require.ErrorIs(t, err, io.EOF)
}

func TestLogIsBounded(t *testing.T) {
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	require.NoError(t, err)
	defer log.Close()
	New().CopyFrom(io.LimitReader(zeros{}, LogLimit+1<<20), log)
	info, err := log.Stat()
	require.NoError(t, err)
	require.EqualValues(t, LogLimit, info.Size())
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

// TestManyWriters: output of several devices is whole, piece by piece, and counted once.
func TestManyWriters(t *testing.T) {
	c := New()
	var log bytes.Buffer
	c.LogTo(&log)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 100 {
				c.Write([]byte("0123456789"))
			}
		})
	}
	all.Wait()
	require.NoError(t, c.Close())
	require.NoError(t, c.Close())
	require.Equal(t, bytes.Repeat([]byte("0123456789"), 800), c.Tail())
	require.Equal(t, c.Tail(), log.Bytes())
	c.Write([]byte("late"))
	require.Len(t, log.Bytes(), 8000, "a closed console has let its log go")
}
