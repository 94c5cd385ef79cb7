// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"context"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

// memorySink keeps samples and notes, but for writes that are told to fail.
type memorySink struct {
	samples []record.Sample
	notes   []string
	writes  int
	full    func(write int) bool // counted from 1
}

func (m *memorySink) fails() error {
	m.writes++
	if m.full != nil && m.full(m.writes) {
		return syscall.ENOSPC
	}
	return nil
}

func (m *memorySink) Write(s record.Sample) error {
	if err := m.fails(); err != nil {
		return err
	}
	m.samples = append(m.samples, s)
	return nil
}

func (m *memorySink) Note(text string) error {
	if err := m.fails(); err != nil {
		return err
	}
	m.notes = append(m.notes, text)
	return nil
}

// TestDiskIsFullForAWhile: all is written in the end, in order, and the user knows.
func TestDiskIsFullForAWhile(t *testing.T) {
	sink := &memorySink{full: func(write int) bool { return write >= 2 && write <= 3 }}
	result, shown, err := inBubble(t, context.Background(), planOf(new(calls), "a", "b"), sink)
	require.NoError(t, err)
	require.Len(t, result.Samples, 6)
	require.Equal(t, result.Samples, sink.samples)
	require.Equal(t, 1, strings.Count(shown, "no space left on device: what is measured is kept in memory until it can be written\n"))
	require.Equal(t, 1, strings.Count(shown, "the results are being written again; nothing is missing\n"))
}

// TestDiskStaysFull: the run goes on, and its end says what is not in the file.
func TestDiskStaysFull(t *testing.T) {
	plan := planOf(new(calls), "a", "bad")
	plan.Jobs[1].System.(*fakeSystem).sample = func(context.Context) error { return syscall.EIO }
	plan.Jobs[0].Warmup, plan.Jobs[1].Warmup = 0, 0
	sink := &memorySink{full: func(write int) bool { return write > 1 }}
	result, shown, err := inBubble(t, context.Background(), plan, sink)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Len(t, result.Samples, 3)
	require.Regexp(t, `^[23] samples and [23] notes could not be written: no space left on device$`, err.Error())
	require.Equal(t, 1, len(sink.samples)+len(sink.notes))
	require.Equal(t, 1, strings.Count(shown, "is kept in memory"))
}
