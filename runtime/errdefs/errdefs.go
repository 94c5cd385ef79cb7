// SPDX-License-Identifier: MIT OR Apache-2.0

// Package errdefs classifies the errors of the runtime.
//
// An error's class says what kind of answer the caller gets (an exit status, an
// API status); its problem says what was wrong and where; its remedy says what
// the user can do. Status codes come from the class, never from the text.
package errdefs

import (
	"errors"
	"fmt"
)

// The classes. Match them with errors.Is.
var (
	// ErrInvalid: what the caller supplied cannot be used, now or later.
	ErrInvalid = errors.New("invalid")
	// ErrNotFound: a thing that was named is not there.
	ErrNotFound = errors.New("not found")
	// ErrExists: a name is taken.
	ErrExists = errors.New("exists")
	// ErrNotSupported: this driver, guest or host lacks a capability.
	ErrNotSupported = errors.New("not supported")
	// ErrUnavailable: the thing is there but does not answer, or not any more.
	ErrUnavailable = errors.New("unavailable")
	// ErrCorrupt: a file or a message is damaged.
	ErrCorrupt = errors.New("corrupt")
	// ErrExhausted: a disk, a memory limit or a table is full.
	ErrExhausted = errors.New("exhausted")
)

var classes = map[string]error{
	"invalid": ErrInvalid, "not found": ErrNotFound, "exists": ErrExists,
	"not supported": ErrNotSupported, "unavailable": ErrUnavailable,
	"corrupt": ErrCorrupt, "exhausted": ErrExhausted,
}

// Error is an error with a class and, where there is one, a remedy. It prints as
// one line: "problem (remedy)".
type Error struct {
	Class  error  // one of the classes above
	Remedy string // an instruction to the user; may be empty
	err    error
}

// New returns an error of the class. The format says the problem; an operand of
// %w joins the chain. An empty remedy is left out of the text.
func New(class error, remedy, format string, args ...any) *Error {
	return &Error{Class: class, Remedy: remedy, err: fmt.Errorf(format, args...)}
}

// Error returns the one line.
func (e *Error) Error() string {
	if e.Remedy == "" {
		return e.err.Error()
	}
	return e.err.Error() + " (" + e.Remedy + ")"
}

// Problem returns the line without the remedy.
func (e *Error) Problem() string { return e.err.Error() }

// Unwrap gives the class and the cause to errors.Is and errors.As.
func (e *Error) Unwrap() []error { return []error{e.Class, e.err} }

// ClassOf returns the name of err's class, or "" where it has none. FromClass is
// its inverse; the two carry a class over a process boundary.
func ClassOf(err error) string {
	for name, class := range classes {
		if errors.Is(err, class) {
			return name
		}
	}
	return ""
}

// FromClass rebuilds an error from the name of its class, its problem and its
// remedy. An unknown class gives a plain error.
func FromClass(name, problem, remedy string) error {
	class, ok := classes[name]
	if !ok {
		return errors.New(problem)
	}
	return New(class, remedy, "%s", problem)
}
