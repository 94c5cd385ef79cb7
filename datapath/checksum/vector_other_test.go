// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build (!amd64 && !arm64) || purego || race

package checksum

import "testing"

func vectorImplementations(testing.TB) []implementationCase { return nil }
