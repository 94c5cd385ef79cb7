// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !race

package checksum

// alignmentStep is the distance in bytes between the alignments tried.
const alignmentStep = 1
