// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package main

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// touch takes new memory from the kernel, writes to every page of it, does what is
// to be done meanwhile, and gives it back. The page size is the system's.
func touch(bytes int, meanwhile func() error) error {
	memory, err := syscall.Mmap(-1, 0, bytes, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_PRIVATE|syscall.MAP_ANON)
	if err != nil {
		return os.NewSyscallError("mmap", err)
	}
	for at := 0; at < len(memory); at += os.Getpagesize() {
		memory[at] = 1
	}
	return errors.Join(meanwhile(), os.NewSyscallError("munmap", syscall.Munmap(memory)))
}

// cache writes a new file in the folder, reads it again, which leaves it in the page
// cache, does what is to be done meanwhile, and deletes it.
func cache(folder string, bytes int, meanwhile func() error) error {
	f, err := os.CreateTemp(folder, "arcbox-probe-")
	if err != nil {
		return err
	}
	err = fill(f, int64(bytes))
	if err == nil {
		err = meanwhile()
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// fill writes so many bytes, none of them zero, and reads them again.
func fill(f *os.File, bytes int64) error {
	if _, err := io.CopyN(f, ones{}, bytes); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, f, bytes)
	return err
}

// ones is an endless file whose bytes are 1.
type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}
