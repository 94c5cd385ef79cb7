// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"errors"
	"fmt"
)

// The classes of errors. Match them with errors.Is. A full disk keeps its
// syscall.ENOSPC.
var (
	// ErrNotFound: there is no such kernel, or its modules are missing.
	ErrNotFound = errors.New("kernel not found")
	// ErrCorrupt: a file is truncated, or has not the content that it should have.
	ErrCorrupt = errors.New("kernel damaged")
	// ErrInvalid: the file is whole but cannot be used here, or a setting is wrong.
	ErrInvalid = errors.New("kernel unusable")
)

// Error says in one line what is wrong with a kernel, and what the user can do.
type Error struct {
	Class  error  // one of the classes above
	Remedy string // an instruction to the user
	err    error
}

func fail(class error, remedy, format string, args ...any) *Error {
	return &Error{Class: class, Remedy: remedy, err: fmt.Errorf(format, args...)}
}

// Error returns "problem (remedy)".
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.Problem()
	}
	return e.Problem() + " (" + e.Remedy + ")"
}

// Problem returns the line without the remedy.
func (e *Error) Problem() string { return e.err.Error() }

// Unwrap gives the class and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error { return []error{e.Class, e.err} }

// remedy returns what to do about a bad kernel from there.
func remedy(origin Origin, flavour Flavour) string {
	switch origin {
	case Override:
		return "set ARCBOX_KERNEL to another kernel, or unset it"
	case Listed:
		return "mend the kernel or the manifest"
	case Lean:
		return "run `make kernel`"
	}
	if flavour == VM {
		return "run `make kernel-cloud`"
	}
	return "run `sudo apt-get install --reinstall user-mode-linux`"
}
