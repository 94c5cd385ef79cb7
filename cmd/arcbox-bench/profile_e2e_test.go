// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	pprof "github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/profile"
	"arcbox.dev/bench/profile/diff"
	"arcbox.dev/bench/profile/folder"
	"arcbox.dev/guest/client"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/paths"
	"arcbox.dev/runtime/vmproc"
	"arcbox.dev/scenarios/boot"
	"arcbox.dev/scenarios/target/arcbox"
)

// profiledTarget builds ArcBox, with an agent built with those tags, as a target whose
// VMs leave their profiles in a folder.
func profiledTarget(t *testing.T, tags, pieces string) *arcbox.Target {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-tags", tags, "-o", dir+"/", "arcbox.dev/cmd/arcbox-vmm", "arcbox.dev/cmd/arcbox-agent")
	build.Env = append(build.Environ(), "CGO_ENABLED=0") // the agent is the only program in its guest
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	target := arcbox.New(arcbox.Config{
		Open: func() (*core.Runtime, error) {
			where, err := paths.Of(os.Getenv)
			if err != nil {
				return nil, err
			}
			driver := &vmproc.Launcher{VMM: filepath.Join(dir, "arcbox-vmm"), Driver: "uml", Profile: pieces}
			return core.New(core.Options{
				Paths: where, Drivers: []core.Driver{{Hypervisor: driver, Flavour: kernel.UML}}, Agent: filepath.Join(dir, "arcbox-agent"),
			})
		},
		Boot:    core.BootConfig{Driver: "uml", Kernel: kernel.Packaged},
		Profile: pieces,
	})
	require.NoError(t, target.Check(context.Background()))
	require.NoError(t, target.Prepare(context.Background()))
	return target
}

// TestProfilesOfRealVMs boots twice and finds the profiles of all three processes.
func TestProfilesOfRealVMs(t *testing.T) {
	need(t, "linux.uml")
	dir := t.TempDir()
	c, err := folder.NewCollector(dir)
	require.NoError(t, err)
	defer c.Close()
	target := profiledTarget(t, "profile", c.Pieces())
	for range 2 {
		require.NoError(t, c.Begin())
		_, err := boot.Cold{}.Run(context.Background(), target)
		require.NoError(t, err)
		require.NoError(t, c.End("ColdBoot/target=uml"))
	}
	files, err := folder.Load(dir)
	require.NoError(t, err)
	for process, function := range map[string]string{
		"launcher": "arcbox.dev/runtime/core.(*Runtime).Boot",
		"vmm":      "arcbox.dev/runtime/hypervisor/uml.(*Hypervisor).Create",
		"agent":    "arcbox.dev/guest/agent.Main",
	} {
		for _, kind := range profile.Kinds {
			name := "ColdBoot.target=uml/" + process + "." + string(kind)
			i := slices.IndexFunc(files, func(f folder.File) bool { return f.Name == name })
			require.GreaterOrEqual(t, i, 0, name)
			require.Equal(t, 2, folder.Runs(files[i].Profile), name)
			if kind != profile.Allocs {
				continue // whether the others have seen the function is chance
			}
			costs, err := diff.Measure([]*pprof.Profile{files[i].Profile})
			require.NoError(t, err)
			require.Contains(t, costs[0].Functions, function, name)
		}
	}
}

// TestShippedAgentHasNoProfiles: a run that wants them says what is wrong.
func TestShippedAgentHasNoProfiles(t *testing.T) {
	need(t, "linux.uml")
	target := profiledTarget(t, "", t.TempDir())
	_, err := boot.Cold{}.Run(context.Background(), target)
	require.ErrorIs(t, err, client.ErrNoProfiles)
}
