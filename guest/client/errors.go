// SPDX-License-Identifier: MIT OR Apache-2.0

package client

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"arcbox.dev/guest/protocol"
)

// The kinds of errors. Match them with errors.Is.
var (
	// ErrVersion: host and agent speak different versions of the protocol.
	ErrVersion = errors.New("agent of another version")
	// ErrCommandNotFound: the program is not there; a shell exits with 127.
	ErrCommandNotFound = errors.New("command not found")
	// ErrNotExecutable: the program is there and cannot be executed; a shell exits with 126.
	ErrNotExecutable = errors.New("command not executable")
	// ErrContainer: the guest could not set the container up.
	ErrContainer = errors.New("container set-up failed")
	// ErrInvalid: the request makes no sense to the guest: an unknown user, a folder
	// that is not there, a name that is taken.
	ErrInvalid = errors.New("invalid request")
	// ErrNoProcess: the process is not there or has ended.
	ErrNoProcess = errors.New("no such process")
	// ErrGone: the agent does not answer any more; most often the VM has ended.
	ErrGone = errors.New("agent gone")
	// ErrOutput: a process ended, but not all it wrote has reached its writers.
	ErrOutput = errors.New("output incomplete")
)

// maxGuestText is how much of a guest's message goes into an error, in bytes.
const maxGuestText = 1024

// Error is a failure of a call to the agent.
type Error struct {
	Kind error // one of the kinds above; nil if it has none
	Text string
	err  error // the cause, where it is on this side
}

func (e *Error) Error() string { return e.Text }

// Unwrap gives kind and cause to errors.Is.
func (e *Error) Unwrap() []error {
	var errs []error
	for _, err := range []error{e.Kind, e.err} {
		if err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// kindOf makes an Error of what a call returned.
func kindOf(ctx context.Context, method string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return &Error{Text: fmt.Sprintf("agent: %s: no answer: %v", method, cause), err: cause}
	}
	st, ok := status.FromError(err)
	if !ok { // the connection broke, or the agent does not speak the protocol
		return &Error{Kind: ErrGone, Text: fmt.Sprintf("agent: %s: connection lost: %s", method, printable(err.Error())), err: err}
	}
	kind, text := kindOfCode(method, st.Code()), printable(st.Message())
	if kind == ErrVersion {
		text = "the agent in the guest does not fit: " + text + otherRelease
	}
	return &Error{Kind: kind, Text: text}
}

func kindOfCode(method string, code codes.Code) error {
	exec := method == "exec"
	switch code {
	case codes.FailedPrecondition:
		if method == "ping" {
			return ErrVersion
		}
		return ErrNoProcess
	case codes.NotFound:
		if exec {
			return ErrCommandNotFound
		}
		return ErrNoProcess
	case codes.PermissionDenied:
		if exec {
			return ErrNotExecutable
		}
		return ErrInvalid
	case codes.Aborted:
		return ErrContainer
	case codes.InvalidArgument, codes.AlreadyExists, codes.ResourceExhausted:
		return ErrInvalid
	case codes.DeadlineExceeded, codes.Canceled:
		return context.DeadlineExceeded
	}
	return nil
}

const otherRelease = "; boot with an initramfs of the same release as this program"

// versionError is ErrVersion for an agent of another version.
func versionError(other uint32) error {
	v := &protocol.VersionError{Other: other}
	return &Error{Kind: ErrVersion, Text: "the agent in the guest does not fit: " + v.Error() + otherRelease, err: v}
}

// printable makes one line of bounded length of a guest's text, without anything
// that a terminal would act on.
func printable(s string) string {
	cut := len(s) > maxGuestText
	if cut {
		s = s[:maxGuestText]
	}
	s = strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	if cut {
		s += "…"
	}
	return s
}
