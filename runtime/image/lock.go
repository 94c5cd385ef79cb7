// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// errLocked says that a lock is taken.
var errLocked = errors.New("lock is held by another process")

// lockKind is shared or exclusive.
type lockKind int

const (
	shared    lockKind = unix.LOCK_SH
	exclusive lockKind = unix.LOCK_EX
)

// fileLock is a lock that the kernel drops with its process (flock(2)).
type fileLock struct{ file *os.File }

// tryLock takes the lock or returns errLocked.
func tryLock(path string, kind lockKind) (*fileLock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening lock: %w", err)
	}
	for {
		switch err := unix.Flock(int(f.Fd()), int(kind)|unix.LOCK_NB); err {
		case nil:
			return &fileLock{f}, nil
		case unix.EINTR:
		case unix.EWOULDBLOCK:
			f.Close()
			return nil, errLocked
		default:
			f.Close()
			return nil, fmt.Errorf("locking %s: %w", path, err)
		}
	}
}

// waitLock takes the lock when it is free. It asks often at first: most locks are
// held for less than a millisecond.
func waitLock(ctx context.Context, path string, kind lockKind) (*fileLock, error) {
	const longest = 20 * time.Millisecond
	for pause := 100 * time.Microsecond; ; pause = min(pause*3/2, longest) {
		l, err := tryLock(path, kind)
		if err != errLocked {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for %s: %w", path, ctx.Err())
		case <-time.After(pause):
		}
	}
}

// Close gives the lock back.
func (l *fileLock) Close() error { return l.file.Close() }
