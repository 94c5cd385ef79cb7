// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/image/archive"
)

const busyboxPath = "/bin/busybox"

func TestBusybox(t *testing.T) {
	if _, err := os.Stat(busyboxPath); err != nil {
		t.Skipf("no busybox to pack: %v (install busybox-static)", err)
	}
	out := filepath.Join(t.TempDir(), "deep", "busybox.tar")
	require.NoError(t, run([]string{"busybox", out}))
	a, err := archive.Open(context.Background(), out, t.TempDir(), 1<<30)
	require.NoError(t, err)
	defer a.Close()
	i, err := a.Image(runtime.GOARCH, func(string) bool { return false })
	require.NoError(t, err)
	require.Equal(t, []string{"busybox:latest"}, i.Names)
	first, err := os.ReadFile(out)
	require.NoError(t, err)

	require.NoError(t, run([]string{"busybox", out, busyboxPath}))
	again, err := os.ReadFile(out)
	require.NoError(t, err)
	require.Equal(t, first, again)

	hello := filepath.Join(filepath.Dir(out), "hello.tar")
	require.NoError(t, run([]string{"hello", hello, busyboxPath}))
	left, err := os.ReadDir(filepath.Dir(out))
	require.NoError(t, err)
	require.Len(t, left, 2)
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "script")
	require.NoError(t, os.WriteFile(script, []byte("#!/bin/sh\n"), 0o700))
	out := filepath.Join(dir, "out", "image.tar")
	for _, args := range [][]string{
		nil, {"hello"}, {"hello", out}, {"other", out, script},
		{"hello", out, filepath.Join(dir, "missing")}, {"hello", out, script},
		{"busybox", out, filepath.Join(dir, "missing")}, {"busybox", out, script},
	} {
		require.Error(t, run(args), "%v", args)
	}
	require.NoDirExists(t, filepath.Dir(out))
}
