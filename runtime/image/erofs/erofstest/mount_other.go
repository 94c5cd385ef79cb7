// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package erofstest

import "testing"

// Main runs the tests of a package.
func Main(m *testing.M) int { return m.Run() }

// Mount reports false: this kernel has no EROFS.
func Mount(testing.TB, ...string) (Tree, bool) { return nil, false }
