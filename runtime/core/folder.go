// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package core

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// vmFolder is a VM's private folder. A lock on it says that its owner lives.
type vmFolder struct {
	id   string
	path string
	lock *os.File
}

func makeVMFolder(base, id string) (*vmFolder, error) {
	f := &vmFolder{id: id, path: filepath.Join(base, id)}
	if err := os.Mkdir(f.path, 0o700); err != nil {
		return nil, fmt.Errorf("making the VM's folder: %w", err)
	}
	var err error
	if f.lock, err = lockFolder(f.path); err != nil {
		os.RemoveAll(f.path)
		return nil, fmt.Errorf("locking the VM's folder: %w", err)
	}
	return f, nil
}

// lockFolder takes an exclusive lock on a folder, or fails at once.
func lockFolder(path string) (*os.File, error) {
	d, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// remove deletes the folder and gives up the lock.
func (f *vmFolder) remove() error {
	err := os.RemoveAll(f.path)
	f.lock.Close()
	return err
}

// sweepVMFolders removes the folders of VMs whose owners died. A folder that was
// made this moment and is not locked yet is empty, and so is left alone.
func sweepVMFolders(base string) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(base, e.Name())
		if inside, err := os.ReadDir(path); err != nil || len(inside) == 0 {
			continue
		}
		if lock, err := lockFolder(path); err == nil {
			os.RemoveAll(path)
			lock.Close()
		}
	}
}
