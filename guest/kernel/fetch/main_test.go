// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/guest/kernel/kerneltest"
)

// A kernel that a manifest lists is taken, and nothing is fetched.
func TestListed(t *testing.T) {
	dir := t.TempDir()
	image := kerneltest.Vmlinux("6.12.0")
	path := filepath.Join(dir, "vmlinux")
	require.NoError(t, os.WriteFile(path, image, 0o644))
	manifest := filepath.Join(dir, kernel.ManifestName)
	text := fmt.Sprintf(`{"kernels":[{"flavour":"vm","arch":%q,"path":"vmlinux","sha256":"%x"}]}`, runtime.GOARCH, sha256.Sum256(image))
	require.NoError(t, os.WriteFile(manifest, []byte(text), 0o644))
	t.Setenv("ARCBOX_KERNEL_MANIFEST", manifest)
	t.Setenv("PATH", t.TempDir())

	var out bytes.Buffer
	require.NoError(t, run(context.Background(), []string{"-cache", filepath.Join(dir, "cache")}, &out))
	require.Equal(t, "Linux 6.12.0, manifest: "+path+"\n", out.String())
}

func TestProblems(t *testing.T) {
	t.Setenv("ARCBOX_KERNEL_MANIFEST", "")
	t.Setenv("PATH", t.TempDir())
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"no package manager", nil, "no apt-get"},
		{"an argument", []string{"uml"}, `unexpected argument "uml"`},
		{"an unknown flag", []string{"-force"}, "not defined: -force"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out bytes.Buffer
			err := run(context.Background(), append([]string{"-cache", t.TempDir()}, tt.args...), &out)
			require.ErrorContains(t, err, tt.want)
			require.Empty(t, out.String())
		})
	}
}
