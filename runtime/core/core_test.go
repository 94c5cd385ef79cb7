// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package core

import (
	"os"
	"path/filepath"
	"testing"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/image"
	"github.com/stretchr/testify/require"
)

// TestExecConfig: the user's word goes before the image's, as with docker run.
func TestExecConfig(t *testing.T) {
	img := image.Image{Name: "img", Config: image.Config{
		Entrypoint: []string{"/entry"}, Cmd: []string{"a", "b"}, Env: []string{"A=1", "B=2"}, WorkingDir: "/w", User: "u",
	}}
	for name, c := range map[string]struct {
		cfg  RunConfig
		args []string
		env  []string
		dir  string
		user string
	}{
		"the image's":                           {RunConfig{}, []string{"/entry", "a", "b"}, []string{"A=1", "B=2"}, "/w", "u"},
		"arguments replace the command":         {RunConfig{Args: []string{"x"}}, []string{"/entry", "x"}, []string{"A=1", "B=2"}, "/w", "u"},
		"an entry point drops the command":      {RunConfig{Entrypoint: []string{"/sh"}}, []string{"/sh"}, []string{"A=1", "B=2"}, "/w", "u"},
		"an empty entry point leaves arguments": {RunConfig{Entrypoint: []string{}, Args: []string{"x"}}, []string{"x"}, []string{"A=1", "B=2"}, "/w", "u"},
		"variables, folder and user":            {RunConfig{Env: []string{"B=3", "C="}, Dir: "/d", User: "v"}, []string{"/entry", "a", "b"}, []string{"A=1", "B=3", "C="}, "/d", "v"},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := execConfig(img, c.cfg)
			require.NoError(t, err)
			require.Equal(t, c.args, got.Args)
			require.Equal(t, c.env, got.Env)
			require.Equal(t, c.dir, got.Dir)
			require.Equal(t, c.user, got.User)
		})
	}
	require.Equal(t, []string{"A=1", "B=2"}, img.Config.Env, "the image is not changed")
	_, err := execConfig(image.Image{Name: "empty"}, RunConfig{})
	require.ErrorIs(t, err, errdefs.ErrInvalid)
	require.ErrorContains(t, err, "image empty has no command")
}

// TestSweep: only the folders of VMs whose owner is gone are cleared away.
func TestSweep(t *testing.T) {
	base := t.TempDir()
	live, err := makeVMFolder(base, "live")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(live.path, "x"), nil, 0o600))
	dead, err := makeVMFolder(base, "dead")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(dead.path, "x"), nil, 0o600))
	dead.lock.Close()
	require.NoError(t, os.Mkdir(filepath.Join(base, "new"), 0o700)) // made this moment, not locked yet
	sweepVMFolders(base)
	require.DirExists(t, live.path)
	require.NoDirExists(t, dead.path)
	require.DirExists(t, filepath.Join(base, "new"))
	_, err = makeVMFolder(base, "live")
	require.Error(t, err)
	require.NoError(t, live.remove())
	require.NoDirExists(t, live.path)
}

func TestExitError(t *testing.T) {
	err := exitError("the guest ended", hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "no init"})
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
	require.EqualError(t, err, "the guest ended: panic: no init")
	require.EqualError(t, exitError("it ended", hypervisor.Exit{Reason: hypervisor.ExitReboot}), "it ended: reboot")
	_, err = New(Options{})
	require.ErrorIs(t, err, errdefs.ErrInvalid)
}
