// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build race

package checksum

// alignmentStep leaves out most alignments where each load costs a call of the race
// detector: the portable code, which is all that this build contains, does not look
// at addresses.
const alignmentStep = 21
