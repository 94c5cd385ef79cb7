// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package count

import (
	"errors"

	"arcbox.dev/bench/record"
)

// Tree counts for this process and all that it starts. There is none here.
type Tree struct{}

var errNotHere = errors.New("counting system calls: needs Linux's perf events")

// Reexec says why there is no meter.
func Reexec() (*Tree, error) { return nil, errNotHere }

// Units returns the units of the counts.
func (*Tree) Units() []record.Unit { return append([]record.Unit(nil), treeUnits...) }

// Start fails.
func (*Tree) Start() error { return errNotHere }

// Stop fails.
func (*Tree) Stop() ([]record.Value, error) { return nil, errNotHere }
