// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package paths

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"arcbox.dev/runtime/errdefs"
	"github.com/stretchr/testify/require"
)

func TestOf(t *testing.T) {
	private := t.TempDir()
	require.NoError(t, os.Chmod(private, 0o700))
	uid := strconv.Itoa(os.Geteuid())
	for name, c := range map[string]struct {
		env  map[string]string
		want Paths
	}{
		"home alone": {map[string]string{"HOME": "/h"}, Paths{"/h/.config/arcbox", "/h/.local/share/arcbox", "/h/.cache/arcbox", "/tmp/arcbox-" + uid}},
		"xdg": {map[string]string{"HOME": "/h", "XDG_CONFIG_HOME": "/c", "XDG_DATA_HOME": "/d", "XDG_CACHE_HOME": "/k", "XDG_RUNTIME_DIR": private},
			Paths{"/c/arcbox", "/d/arcbox", "/k/arcbox", filepath.Join(private, "arcbox")}},
		"relative xdg is ignored":       {map[string]string{"HOME": "/h", "XDG_DATA_HOME": "d"}, Paths{"/h/.config/arcbox", "/h/.local/share/arcbox", "/h/.cache/arcbox", "/tmp/arcbox-" + uid}},
		"another's runtime folder":      {map[string]string{"HOME": "/h", "XDG_RUNTIME_DIR": "/", "TMPDIR": "/t"}, Paths{"/h/.config/arcbox", "/h/.local/share/arcbox", "/h/.cache/arcbox", "/t/arcbox-" + uid}},
		"all in one":                    {map[string]string{"ARCBOX_HOME": "/a"}, Paths{"/a/config", "/a/data", "/a/cache", "/tmp/arcbox-" + uid}},
		"a cache of its own in another": {map[string]string{"ARCBOX_HOME": "/a", "ARCBOX_CACHE": "/k"}, Paths{"/a/config", "/a/data", "/k", "/tmp/arcbox-" + uid}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := Of(func(k string) string { return c.env[k] })
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
	for _, env := range []map[string]string{{}, {"ARCBOX_HOME": "relative"}} {
		_, err := Of(func(k string) string { return env[k] })
		require.ErrorIs(t, err, errdefs.ErrInvalid)
	}
}

func TestPrivate(t *testing.T) {
	base := t.TempDir()
	fresh := filepath.Join(base, "a", "b")
	require.NoError(t, Private(fresh))
	info, err := os.Stat(fresh)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	require.NoError(t, Private(fresh), "again")

	open := filepath.Join(base, "open")
	require.NoError(t, os.Mkdir(open, 0o700))
	require.NoError(t, os.Chmod(open, 0o777))
	require.ErrorIs(t, Private(open), errdefs.ErrInvalid, "others may write to it")

	link := filepath.Join(base, "link")
	require.NoError(t, os.Symlink(fresh, link))
	require.ErrorIs(t, Private(link), errdefs.ErrInvalid, "a link may lead anywhere")

	file := filepath.Join(base, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, Private(file))
	require.Error(t, Private(filepath.Join(file, "below")))

	if os.Geteuid() == 0 {
		theirs := filepath.Join(base, "theirs")
		require.NoError(t, os.Mkdir(theirs, 0o700))
		require.NoError(t, os.Chown(theirs, 12345, 12345))
		require.ErrorIs(t, Private(theirs), errdefs.ErrInvalid, "another user made it")
	}
}
