// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package core

import (
	"os"
	"path/filepath"
	"testing"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/image"
	"arcbox.dev/runtime/paths"
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

// TestInitramfs: a guest has the files that its configuration names, and no other has them.
func TestInitramfs(t *testing.T) {
	agent := filepath.Join(t.TempDir(), "agent")
	require.NoError(t, os.WriteFile(agent, []byte("the agent"), 0o755))
	r, err := New(Options{Drivers: []Driver{{}}, Agent: agent, Paths: paths.Paths{Cache: t.TempDir()}})
	require.NoError(t, err)

	bare, err := r.initramfs(kernel.Kernel{}, nil, nil)
	require.NoError(t, err)
	more, err := r.initramfs(kernel.Kernel{}, nil, []File{{Name: "/bin/more", Mode: 0o755, Content: []byte("and more")}})
	require.NoError(t, err)
	content := func(path string) string {
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		return string(data)
	}
	require.Contains(t, content(bare), "the agent")
	require.NotContains(t, content(bare), "bin/more")
	require.Contains(t, content(more), "the agent")
	require.Contains(t, content(more), "bin/more\x00")
	require.Contains(t, content(more), "and more")

	_, err = r.initramfs(kernel.Kernel{}, nil, []File{{Name: "../out", Content: []byte("x")}})
	require.ErrorContains(t, err, `"../out" cannot be a name`)
}

func TestExitError(t *testing.T) {
	err := exitError("the guest ended", hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "no init"})
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
	require.EqualError(t, err, "the guest ended: panic: no init")
	require.EqualError(t, exitError("it ended", hypervisor.Exit{Reason: hypervisor.ExitReboot}), "it ended: reboot")
	_, err = New(Options{})
	require.ErrorIs(t, err, errdefs.ErrInvalid)
}
