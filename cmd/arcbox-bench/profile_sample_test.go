// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/profile/folder"
	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/targettest"
)

// fickle is a scenario that fails every second time.
type fickle struct{ runs int }

func (*fickle) Name() string                { return "Fickle" }
func (*fickle) Version() int                { return 3 }
func (*fickle) Units() []record.Unit        { return nil }
func (*fickle) Check(t target.Target) error { return nil }

func (f *fickle) Run(context.Context, target.Target) ([]record.Value, error) {
	f.runs++
	if f.runs%2 == 0 {
		return nil, errFickle
	}
	return []record.Value{{Value: float64(f.runs), Unit: "runs"}}, nil
}

var errFickle = errors.New("not this time")

func TestProfiledScenario(t *testing.T) {
	dir := t.TempDir()
	c, err := folder.NewCollector(dir)
	require.NoError(t, err)
	defer c.Close()
	s := profiled([]scenario.Scenario{new(fickle)}, c)[0]
	require.Equal(t, 3, s.Version())
	for range 2 {
		values, err := s.Run(t.Context(), targettest.Plain{})
		require.NoError(t, err)
		require.Len(t, values, 1)
		_, err = s.Run(t.Context(), targettest.Plain{})
		require.ErrorIs(t, err, errFickle)
	}
	files, err := folder.Load(dir)
	require.NoError(t, err)
	for _, f := range files {
		require.Equal(t, 2, folder.Runs(f.Profile), f.Name)
	}
	require.Equal(t, "Fickle.target=fake/launcher.allocs", files[0].Name)
}
