// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

// asProbe in the environment makes this program arcbox-probe.
const asProbe = "ARCBOX_PROBE_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(asProbe) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

func TestRun(t *testing.T) {
	folder := t.TempDir()
	for _, args := range [][]string{
		nil,
		{"touch", "1"},
		{"touch", "1000000"},
		{"cache", folder, "1"},
		{"cache", folder, "1000001"},
		{"cache", folder, "5000", "touch", "5000", "cache", folder, "7"},
	} {
		require.NoError(t, run(args), "%q", args)
	}
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left)
}

func TestRefusals(t *testing.T) {
	folder := t.TempDir()
	for _, args := range [][]string{
		{"other"}, {"touch"}, {"touch", "-1"}, {"touch", "0"}, {"touch", "1e6"}, {"touch", "5", "more"},
		{"touch", "99999999999999999999"}, {"cache"}, {"cache", folder}, {"cache", folder, ""}, {"cache", folder, "5", "x"}, {"wait", "5"},
	} {
		require.ErrorIs(t, run(args), errUsage, "%q", args)
	}
	require.EqualError(t, run([]string{"touch", "all"}), `"all" is not a number of bytes above 0; `+usage)

	require.ErrorIs(t, run([]string{"cache", filepath.Join(folder, "none"), "5"}), os.ErrNotExist)
	most := strconv.Itoa(int(^uint(0) >> 1))
	require.ErrorContains(t, run([]string{"touch", most}), "mmap")
	left, err := os.ReadDir(folder)
	require.NoError(t, err)
	require.Empty(t, left, "a failure leaves no file")
}

// TestMeanwhile: what comes after is done while the file is there, with all its
// bytes, and its error is the whole's.
func TestMeanwhile(t *testing.T) {
	no := errors.New("no")
	folder := t.TempDir()
	var size int64
	err := cache(folder, 3<<16+5, func() error {
		files, err := filepath.Glob(filepath.Join(folder, "*"))
		require.NoError(t, err)
		require.Len(t, files, 1)
		info, err := os.Stat(files[0])
		require.NoError(t, err)
		size = info.Size()
		return no
	})
	require.ErrorIs(t, err, no)
	require.EqualValues(t, 3<<16+5, size)
	require.ErrorIs(t, touch(1, func() error { return no }), no)
}
