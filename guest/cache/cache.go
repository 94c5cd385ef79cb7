// SPDX-License-Identifier: MIT OR Apache-2.0

// Package cache keeps files that can be made again.
//
// A file or a folder appears in a cache whole or not at all: it is written under
// a temporary name in the same folder, flushed to disk and renamed. A writer that
// was killed leaves only such a temporary name behind, and a later writer sweeps
// it up. Whether a cached file still belongs to what it was made from is told by
// a Stamp, which costs one system call where a digest would cost a whole read.
package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// tempPrefix begins the names of what is being written.
const tempPrefix = ".tmp-"

// abandoned is the age after which a temporary name has no writer any more.
const abandoned = time.Hour

// DefaultDir returns the user's cache folder: $ARCBOX_CACHE, or arcbox in
// $XDG_CACHE_HOME, or .cache/arcbox in $HOME. It does not create it.
func DefaultDir(getenv func(string) string) (string, error) {
	if dir := getenv("ARCBOX_CACHE"); dir != "" {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return "", fmt.Errorf("resolving ARCBOX_CACHE: %w", err)
		}
		return abs, nil
	}
	// XDG base directory specification 0.8: a relative path is to be ignored.
	if dir := getenv("XDG_CACHE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "arcbox"), nil
	}
	if home := getenv("HOME"); filepath.IsAbs(home) {
		return filepath.Join(home, ".cache", "arcbox"), nil
	}
	return "", errors.New("finding the cache folder: none of ARCBOX_CACHE, XDG_CACHE_HOME and HOME is set")
}

// WriteFile makes path from what write puts into the file it is given. The folder
// is created when it is missing. On an error path is as it was before, and where
// the disk is full the error matches syscall.ENOSPC.
func WriteFile(path string, perm fs.FileMode, write func(*os.File) error) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	sweep(dir)
	f, err := os.CreateTemp(dir, tempPrefix)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := commit(f, path, perm, write); err != nil {
		f.Close() // again, where it was closed: that does no harm
		os.Remove(f.Name())
		return &writeError{path: path, temp: f.Name(), err: err}
	}
	return syncDir(dir)
}

// commit fills the temporary file and gives it its name.
func commit(f *os.File, path string, perm fs.FileMode, write func(*os.File) error) error {
	if err := write(f); err != nil {
		return err
	}
	if err := f.Chmod(perm); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// WriteFolder makes the folder path from what fill puts into the empty folder it
// is given. A folder that is there already is replaced. On an error path is as it
// was before.
func WriteFolder(path string, fill func(dir string) error) error {
	parent := filepath.Dir(path)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	sweep(parent)
	temp, err := os.MkdirTemp(parent, tempPrefix)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	defer os.RemoveAll(temp)
	for _, step := range []func() error{
		func() error { return fill(temp) },
		func() error { return syncTree(temp) },
		func() error { return replaceFolder(temp, path) },
	} {
		if err := step(); err != nil {
			return &writeError{path: path, temp: temp, err: err}
		}
	}
	return syncDir(parent)
}

// replaceFolder renames temp to path. A folder can only be renamed over an empty
// one, so an old one is first moved out of the way, to a name that is swept up.
// Two writers do this one after the other.
func replaceFolder(temp, path string) error {
	unlock, err := lockDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()
	old := temp + "-old"
	if err := os.Rename(path, old); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	defer os.RemoveAll(old)
	return os.Rename(temp, path)
}

// sweep removes what killed writers left in dir. It is done while writing, so a
// failure to clean is not a failure to write.
func sweep(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		info, err := e.Info()
		if err == nil && time.Since(info.ModTime()) > abandoned {
			os.RemoveAll(filepath.Join(dir, e.Name()))
		}
	}
}

// syncDir flushes a folder's entries, or a file's content.
func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	err = f.Sync()
	return errors.Join(err, f.Close())
}

// writeError is an error of writing path under a temporary name, which means
// nothing to a reader and is not shown.
type writeError struct {
	path, temp string
	err        error
}

func (e *writeError) Error() string {
	if p, ok := e.err.(*fs.PathError); ok && p.Path == e.temp {
		return "writing " + e.path + ": " + p.Err.Error()
	}
	return "writing " + e.path + ": " + strings.ReplaceAll(e.err.Error(), e.temp, e.path)
}

func (e *writeError) Unwrap() error { return e.err }
