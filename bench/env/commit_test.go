// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStamped(t *testing.T) {
	rev := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef0123"}
	require.Equal(t, "0123456789ab", stamped([]debug.BuildSetting{rev, {Key: "vcs.modified", Value: "false"}}))
	require.Equal(t, "0123456789ab+dirty", stamped([]debug.BuildSetting{rev, {Key: "vcs.modified", Value: "true"}}))
	require.Empty(t, stamped([]debug.BuildSetting{{Key: "vcs.modified", Value: "true"}}))
}

func TestCheckedOut(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	t.Chdir(dir)
	// A repository above the temporary folder must not be found.
	t.Setenv("GIT_CEILING_DIRECTORIES", filepath.Dir(dir))
	require.Equal(t, "unknown", checkedOut(ctx))

	git := func(args ...string) {
		out, err := exec.Command("git", args...).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
	git("init", "-q")
	git("-c", "user.name=t", "-c", "user.email=t@localhost", "commit", "-q", "--allow-empty", "-m", "first")
	clean := checkedOut(ctx)
	require.Regexp(t, `^[0-9a-f]{12}$`, clean)
	require.NoError(t, os.WriteFile("new", nil, 0o600))
	require.Equal(t, clean+"+dirty", checkedOut(ctx))
}
