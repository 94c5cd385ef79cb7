// SPDX-License-Identifier: MIT OR Apache-2.0

package rpc

import (
	"context"
	"errors"
	"fmt"
)

// Code is a status code as gRPC numbers them; 0 is success.
type Code uint32

const (
	Canceled           Code = 1
	InvalidArgument    Code = 3
	DeadlineExceeded   Code = 4
	NotFound           Code = 5
	PermissionDenied   Code = 7
	ResourceExhausted  Code = 8
	FailedPrecondition Code = 9
	Aborted            Code = 10
	Unimplemented      Code = 12
	Internal           Code = 13
)

// Status is an error with a code, which a caller gets as it is.
type Status struct {
	Code    Code
	Message string
}

func (s *Status) Error() string { return s.Message }

// Errorf returns a Status.
func Errorf(code Code, format string, args ...any) error {
	return &Status{code, fmt.Sprintf(format, args...)}
}

// statusOf makes a Status of any error.
func statusOf(err error) *Status {
	if s := (*Status)(nil); errors.As(err, &s) {
		return s
	}
	code := Internal
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		code = DeadlineExceeded
	case errors.Is(err, context.Canceled):
		code = Canceled
	}
	return &Status{code, err.Error()}
}

// encode encodes a google.rpc.Status.
func (s *Status) encode() []byte {
	return appendText(appendInteger(nil, 1, uint32(s.Code)), 2, s.Message)
}
