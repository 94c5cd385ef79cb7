// SPDX-License-Identifier: MIT OR Apache-2.0

package cache

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDefaultDir(t *testing.T) {
	for _, tc := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"chosen", map[string]string{"ARCBOX_CACHE": "/c", "XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/c"},
		{"XDG", map[string]string{"XDG_CACHE_HOME": "/x", "HOME": "/h"}, "/x/arcbox"},
		{"relative XDG is ignored", map[string]string{"XDG_CACHE_HOME": "x", "HOME": "/h"}, "/h/.cache/arcbox"},
		{"home", map[string]string{"HOME": "/h"}, "/h/.cache/arcbox"},
		{"nothing", nil, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := DefaultDir(func(name string) string { return tc.env[name] })
			require.Equal(t, tc.want == "", err != nil)
			require.Equal(t, tc.want, got)
		})
	}
}

// put returns a writer of the text.
func put(text string) func(*os.File) error {
	return func(f *os.File) error {
		_, err := f.WriteString(text)
		return err
	}
}

// names returns the names in a folder.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

func TestWriteFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	path := filepath.Join(dir, "f")
	require.NoError(t, WriteFile(path, 0o640, put("one")))
	require.NoError(t, WriteFile(path, 0o755, put("two")))
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(got))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o755), info.Mode())

	bad := errors.New("no more to write")
	err = WriteFile(path, 0o644, func(f *os.File) error {
		require.NoError(t, put("half")(f))
		return bad
	})
	require.ErrorIs(t, err, bad)
	require.EqualError(t, err, "writing "+path+": no more to write")
	got, err = os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "two", string(got))
	require.Equal(t, []string{"f"}, names(t, dir))
}

func TestWriteFolder(t *testing.T) {
	parent := t.TempDir()
	path := filepath.Join(parent, "d")
	fill := func(text string) func(string) error {
		return func(dir string) error { return os.WriteFile(filepath.Join(dir, text), []byte(text), 0o644) }
	}
	require.NoError(t, WriteFolder(path, fill("one")))
	require.NoError(t, WriteFolder(path, fill("two")))
	require.Equal(t, []string{"two"}, names(t, path))

	bad := errors.New("no more to fill")
	err := WriteFolder(path, func(dir string) error { return errors.Join(fill("half")(dir), bad) })
	require.ErrorIs(t, err, bad)
	require.Equal(t, []string{"two"}, names(t, path))
	require.Equal(t, []string{"d"}, names(t, parent))
}

func TestConcurrentWriters(t *testing.T) {
	parent := t.TempDir()
	file, folder := filepath.Join(parent, "f"), filepath.Join(parent, "d")
	var wg sync.WaitGroup
	for i := range 8 {
		text := string(bytes.Repeat([]byte{byte('a' + i)}, 100_000))
		wg.Go(func() {
			for range 10 {
				if err := WriteFile(file, 0o644, put(text)); err != nil {
					t.Error(err)
				}
				if got, err := os.ReadFile(file); err != nil || len(got) != 100_000 || got[0] != got[99_999] {
					t.Errorf("%d bytes, %v", len(got), err)
				}
				err := WriteFolder(folder, func(dir string) error { return os.WriteFile(filepath.Join(dir, "x"), []byte(text), 0o644) })
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, []string{"d", "f"}, names(t, parent))
}

func TestSweepsWhatKilledWritersLeft(t *testing.T) {
	dir := t.TempDir()
	old, young := filepath.Join(dir, tempPrefix+"old"), filepath.Join(dir, tempPrefix+"young")
	require.NoError(t, os.MkdirAll(filepath.Join(old, "sub"), 0o755))
	require.NoError(t, os.WriteFile(young, nil, 0o644))
	past := time.Now().Add(-2 * abandoned)
	require.NoError(t, os.Chtimes(old, past, past))
	require.NoError(t, WriteFile(filepath.Join(dir, "f"), 0o644, put("")))
	require.Equal(t, []string{tempPrefix + "young", "f"}, names(t, dir))
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	for i := range 6 {
		path := filepath.Join(dir, fmt.Sprintf("%d.x", i))
		require.NoError(t, os.WriteFile(path, nil, 0o644))
		used := time.Now().Add(-time.Duration(i) * 6 * time.Minute) // 0, 6, 12, … minutes ago
		require.NoError(t, os.Chtimes(path, used, used))
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "other"), nil, 0o644))
	Touch(filepath.Join(dir, "5.x"))
	Prune(filepath.Join(dir, "*.x"), 10)
	require.Len(t, names(t, dir), 7)
	Prune(filepath.Join(dir, "*.x"), 1)
	require.Equal(t, []string{"0.x", "1.x", "5.x", "other"}, names(t, dir), "what was used within ten minutes stays")
}

func TestStamp(t *testing.T) {
	path := filepath.Join(t.TempDir(), "f")
	require.NoError(t, os.WriteFile(path, []byte("one"), 0o644))
	first, err := StampOf(path)
	require.NoError(t, err)
	f, err := os.Open(path)
	require.NoError(t, err)
	defer f.Close()
	same, err := StampFile(f)
	require.NoError(t, err)
	require.Equal(t, first, same)
	require.False(t, first.Settled(time.Unix(0, first.CTime)))
	require.True(t, first.Settled(time.Unix(0, first.CTime).Add(2*time.Second)))

	time.Sleep(20 * time.Millisecond) // a tick of the file system's clock
	require.NoError(t, os.WriteFile(path, []byte("two"), 0o644))
	mtime := time.Unix(0, first.MTime)
	require.NoError(t, os.Chtimes(path, mtime, mtime))
	second, err := StampOf(path)
	require.NoError(t, err)
	require.Equal(t, first.MTime, second.MTime)
	require.NotEqual(t, first, second, "the change time tells")
	require.NotEqual(t, first.String(), second.String())

	_, err = StampOf(path + "-missing")
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestLock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "lock")
	unlock, err := Lock(context.Background(), path, func() { t.Error("nobody else holds it") })
	require.NoError(t, err)

	ctx, cancel := context.WithCancel(context.Background())
	waited := false
	_, err = Lock(ctx, path, func() { waited = true; cancel() })
	require.ErrorIs(t, err, context.Canceled)
	require.True(t, waited)

	done := make(chan error, 1)
	go func() {
		again, err := Lock(context.Background(), path, nil)
		if err == nil {
			again()
		}
		done <- err
	}()
	unlock()
	require.NoError(t, <-done)
}
