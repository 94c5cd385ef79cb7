// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build arm64 && !purego && !race

package checksum

import "testing"

func vectorImplementations(testing.TB) []implementationCase {
	return []implementationCase{{"neon", sumByNEON}}
}
