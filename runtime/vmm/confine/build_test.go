// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package confine

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// lockedVariable names the program of testdata/locked to a test that runs as another user.
const lockedVariable = "ARCBOX_TEST_LOCKED"

var builtDir string

func TestMain(m *testing.M) {
	code := m.Run()
	if builtDir != "" {
		os.RemoveAll(builtDir)
	}
	os.Exit(code)
}

var build = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(lockedVariable); path != "" {
		return path, nil
	}
	var err error
	if builtDir, err = os.MkdirTemp("", "confine-"); err != nil {
		return "", err
	}
	if err := os.Chmod(builtDir, 0o755); err != nil { // for every user
		return "", err
	}
	path := filepath.Join(builtDir, "locked")
	cmd := exec.Command("go", "build", "-o", path, "./testdata/locked")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// buildLocked builds testdata/locked, without cgo as arcbox-vmm is.
func buildLocked(t *testing.T) string {
	path, err := build()
	require.NoError(t, err)
	return path
}

// device is KVM, or /dev/null where there is none. A test that runs as another user
// has inherited it.
func device(t *testing.T) *os.File {
	t.Helper()
	if os.Getenv(lockedVariable) != "" {
		return inherited()
	}
	f, err := os.OpenFile("/dev/kvm", os.O_RDWR, 0)
	if err != nil {
		f, err = os.OpenFile(os.DevNull, os.O_RDWR, 0)
	}
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	return f
}

// inherited is made once: a file that is not used any more closes its descriptor.
var inherited = sync.OnceValue(func() *os.File { return os.NewFile(3, "kvm") })

// publicDir is a folder that every user can reach.
func publicDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "confine-")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	require.NoError(t, os.Chmod(dir, 0o755))
	return dir
}
