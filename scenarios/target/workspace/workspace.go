// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package workspace gives a target a private folder for as long as it is measured,
// and finds the folders of labs that were killed before they could remove theirs.
//
// A folder is locked by its lab. One that is not locked has been left, and whoever
// makes a folder for the same target ends what is still running from it.
package workspace

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// prefix begins the names of all folders.
const prefix = "arcbox-lab-"

// lockName is the file in a folder that its lab has locked (flock(2)).
const lockName = "lock"

// Folder is a target's private folder.
type Folder struct {
	path string
	lock *os.File
	end  func(path string) error
}

// Make makes a folder for the target of that name. The function end is called before
// a folder is removed, this one or one that was left: it ends what runs from it.
func Make(name string, end func(path string) error) (*Folder, error) {
	if err := sweep(name, end); err != nil {
		return nil, err
	}
	path, err := os.MkdirTemp("", prefix+name+"-")
	if err != nil {
		return nil, fmt.Errorf("making a folder for %s: %w", name, err)
	}
	lock, err := lock(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making a folder for %s: %w", name, err), os.RemoveAll(path))
	}
	return &Folder{path, lock, end}, nil
}

// lock makes the lock of a new folder. Whoever sees it finds it locked.
func lock(path string) (*os.File, error) {
	f, err := os.CreateTemp(path, lockName)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if err := os.Rename(f.Name(), filepath.Join(path, lockName)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes the folders of that name that were left.
func sweep(name string, end func(path string) error) error {
	paths, err := filepath.Glob(filepath.Join(os.TempDir(), prefix+name+"-*"))
	if err != nil {
		return fmt.Errorf("looking for what was left of %s: %w", name, err)
	}
	for _, path := range paths {
		f, ok := left(path)
		if !ok {
			continue
		}
		if err := (&Folder{path, f, end}).Remove(); err != nil {
			return fmt.Errorf("removing what a killed run left of %s: %w", name, err)
		}
	}
	return nil
}

// left takes the lock of a folder that nobody uses. A folder that is not this user's
// own is no business of this lab.
func left(path string) (*os.File, bool) {
	info, err := os.Lstat(path)
	if err != nil || !info.IsDir() {
		return nil, false
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || int(stat.Uid) != os.Getuid() {
		return nil, false
	}
	f, err := os.OpenFile(filepath.Join(path, lockName), os.O_RDWR|syscall.O_NOFOLLOW, 0)
	if err != nil {
		return nil, false
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) != nil {
		f.Close() // it was opened for nothing
		return nil, false
	}
	return f, true
}

// Path returns the folder's path.
func (f *Folder) Path() string { return f.path }

// Remove ends what runs from the folder, and removes it.
func (f *Folder) Remove() error {
	if err := f.end(f.path); err != nil {
		return errors.Join(err, f.lock.Close())
	}
	return errors.Join(os.RemoveAll(f.path), f.lock.Close())
}
