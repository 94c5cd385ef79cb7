// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package core

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/paths"
	"github.com/stretchr/testify/require"
)

// fakeDriver only has a name, and an opinion on whether it works.
type fakeDriver struct {
	hypervisor.Hypervisor
	name   string
	works  bool
	probed int
}

func (d *fakeDriver) Name() string { return d.name }

func (d *fakeDriver) Probe(context.Context) hypervisor.Report {
	d.probed++
	return hypervisor.Report{Driver: d.name, Usable: d.works}
}

// TestPreferredDriver: the first that works is taken; what was found out holds for
// a while, and until somebody asks.
func TestPreferredDriver(t *testing.T) {
	first, second := &fakeDriver{name: "first"}, &fakeDriver{name: "second"}
	run := filepath.Join(t.TempDir(), "run")
	newRuntime := func() *Runtime {
		r, err := New(Options{Drivers: []Driver{{Hypervisor: first}, {Hypervisor: second}}, Paths: paths.Paths{Run: run}})
		require.NoError(t, err)
		return r
	}
	taken := func() string {
		d, err := newRuntime().driver(t.Context(), "")
		require.NoError(t, err)
		return d.Name()
	}
	require.Equal(t, "second", taken())
	require.Equal(t, 1, first.probed)
	require.Zero(t, second.probed, "the last one is not probed")

	first.works = true
	require.Equal(t, "second", taken(), "what was found holds for a while")
	require.Equal(t, 1, first.probed)
	newRuntime().Probe(t.Context())
	require.Equal(t, "first", taken(), "somebody has asked")

	first.works = false
	old := time.Now().Add(-rememberFor - time.Second)
	require.NoError(t, os.Chtimes(filepath.Join(run, "driver.json"), old, old))
	require.Equal(t, "second", taken(), "it is too long ago")

	first.works = true
	for _, text := range []string{"", "{", `{"boot":"another","drivers":["first","second"],"works":"second"}`} {
		require.NoError(t, os.WriteFile(filepath.Join(run, "driver.json"), []byte(text), 0o600))
		require.Equal(t, "first", taken(), "%q says nothing of this host", text)
	}
	require.NoError(t, os.WriteFile(filepath.Join(run, "driver.json"), []byte("x"), 0o600))
	first.works = false
	require.NoError(t, os.Chmod(run, 0o755)) // not private: nothing can be kept
	require.Equal(t, "second", taken())

	_, err := newRuntime().driver(t.Context(), "third")
	require.ErrorIs(t, err, errdefs.ErrInvalid)
	require.ErrorContains(t, err, "use one of [first second]")
}
