// SPDX-License-Identifier: MIT OR Apache-2.0

package legacy

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// writes keeps what each write wrote.
type writes struct {
	mu    sync.Mutex
	lines []string
}

func (w *writes) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, string(p))
	return 0, errors.New("nobody listens")
}

func (w *writes) take() (lines []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lines, w.lines = w.lines, nil
	return lines
}

func send(s *Serial, text string) {
	for i := range len(text) {
		s.Write(regData, []byte{text[i]})
	}
}

func TestOutputBatches(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w writes
		s := NewSerial(&w, func() {})

		send(s, "one\r\ntwo\nthr")
		require.Equal(t, []string{"one\r\n", "two\n"}, w.take(), "by lines")
		time.Sleep(batchTime - 1)
		synctest.Wait()
		require.Empty(t, w.take())
		send(s, "ee")
		time.Sleep(1)
		synctest.Wait()
		require.Equal(t, []string{"three"}, w.take(), "after the time, from the first byte on")

		long := strings.Repeat("a", batchSize)
		send(s, long+long+"b")
		require.Equal(t, []string{long, long}, w.take(), "by size")
		s.Flush()
		require.Equal(t, []string{"b"}, w.take(), "when asked")
		s.Flush()
		time.Sleep(10 * batchTime)
		synctest.Wait()
		require.Empty(t, w.take(), "nothing twice")

		send(s, "c")
		time.Sleep(batchTime)
		synctest.Wait()
		require.Equal(t, []string{"c"}, w.take(), "the timer runs again")
	})
}

// blocked is a writer that waits.
type blocked chan struct{}

func (b blocked) Write(p []byte) (int, error) {
	<-b
	return len(p), nil
}

// TestOutputBlocks: a writer that blocks stops who sends, and nobody else.
func TestOutputBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := make(blocked)
		s := NewSerial(b, func() {})
		sent := false
		go func() {
			send(s, "a\n")
			sent = true
		}()
		synctest.Wait()
		require.False(t, sent)
		require.Equal(t, 1, s.Input([]byte("i")))
		p := make([]byte, 8)
		s.Read(0, p)
		require.EqualValues(t, 'i', p[0])
		close(b)
		synctest.Wait()
		require.True(t, sent)
	})
}

func TestAccessDoesNotAllocate(t *testing.T) {
	s := NewSerial(new(discard), func() {})
	p := []byte("x")
	require.Zero(t, testing.AllocsPerRun(1000, func() {
		s.Write(regData, p)
		s.Read(regLSR, p)
	}))
	s.Flush()
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }
