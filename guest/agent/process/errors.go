// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package process

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Kind says why a process could not be started.
type Kind byte

const (
	KindSetup         Kind = iota // its surroundings could not be made
	KindInvalid                   // the request makes no sense
	KindNotFound                  // the program is not there
	KindNotExecutable             // the program is there and cannot be executed
)

// StartError is why a process could not be started.
type StartError struct {
	Kind Kind
	Err  error
}

func (e *StartError) Error() string { return e.Err.Error() }
func (e *StartError) Unwrap() error { return e.Err }

// Invalid returns a StartError of KindInvalid.
func Invalid(format string, args ...any) error {
	return &StartError{KindInvalid, fmt.Errorf(format, args...)}
}

// KindOf returns err's kind; an error without one is about the set-up.
func KindOf(err error) Kind {
	if start := (*StartError)(nil); errors.As(err, &start) {
		return start.Kind
	}
	return KindSetup
}

// execError gives a failed execve its kind, as a shell distinguishes them. ENOENT
// may also mean a script's interpreter.
func execError(name string, err error) error {
	kind := KindNotExecutable
	if err == unix.ENOENT || err == unix.ENOTDIR {
		kind = KindNotFound
	}
	return &StartError{kind, fmt.Errorf("exec %q: %w", name, err)}
}
