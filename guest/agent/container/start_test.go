// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/guest/agent/process"
	"arcbox.dev/guest/agent/rpc"
	"arcbox.dev/guest/agent/stdio"
)

func TestMain(m *testing.M) {
	if os.Args[0] == InitName {
		Init()
	}
	goleak.VerifyTestMain(m)
}

// TestInitFails has the program that should make the container misbehave.
func TestInitFails(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: makes namespaces")
	}
	dir := t.TempDir()
	script := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755))
		return path
	}
	for _, tt := range []struct{ name, program, text string }{
		{"is not there", "/no/such/program", "starting container init: no such file"},
		{"ends at once", script("ends", "exit 0"), "init"},
		{"reads and ends", script("reads", "head -c 4 <&3 >/dev/null"), "init"},
		{"hangs", script("hangs", "sleep 100"), "i/o timeout"},
		{"says nonsense", script("nonsense", "cat <&3 >/dev/null & echo hello >&3; sleep 0.1"), "init"},
		{"says too much", script("much", "cat <&3 >/dev/null & yes >&3"), "init"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &Host{Program: tt.program, Stage: dir}
			r := process.NewReaper(false)
			defer r.Close()
			streams, err := stdio.NewPipes(nil)
			require.NoError(t, err)
			defer streams.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
			defer cancel()
			req := &rpc.ExecRequest{
				Encoded:   bytes.Repeat([]byte("x"), 1<<20), // more than a socket holds
				Container: &rpc.Container{ID: "a", Layers: []rpc.Layer{{Source: dir}}},
			}
			c, err := h.Start(ctx, r, req, streams)
			require.Nil(t, c)
			require.ErrorContains(t, err, tt.text)
			require.Equal(t, process.KindSetup, process.KindOf(err))
			require.Empty(t, h.ids, "the id is free again")
		})
	}
}

func TestInitWithoutRequest(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root: makes namespaces")
	}
	for _, tt := range []struct {
		name    string
		encoded []byte
		text    string
	}{
		{"no message", []byte{0xff}, "decoding container"},
		{"no container", nil, "there is none"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := &Host{Program: "/proc/self/exe", Stage: t.TempDir()}
			r := process.NewReaper(false)
			defer r.Close()
			streams, err := stdio.NewPipes(nil)
			require.NoError(t, err)
			defer streams.Close()
			req := &rpc.ExecRequest{Encoded: tt.encoded, Container: &rpc.Container{ID: "a", Layers: []rpc.Layer{{}}}}
			_, err = h.Start(t.Context(), r, req, streams)
			require.ErrorContains(t, err, tt.text)
		})
	}
}
