// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build arm64 && !purego && !race

#include "textflag.h"

// func sumNEON(b []byte) uint64
//
// UADDW and UADDW2 widen four words each to 32 bits and add them to a sum. Eight
// sums hide the latency of the additions.
//
// R0 next byte, R1 bytes left; V16-V23 sums.
TEXT ·sumNEON(SB), NOSPLIT, $0-32
	MOVD b_base+0(FP), R0
	MOVD b_len+8(FP), R1
	VEOR V16.B16, V16.B16, V16.B16
	VEOR V17.B16, V17.B16, V17.B16
	VEOR V18.B16, V18.B16, V18.B16
	VEOR V19.B16, V19.B16, V19.B16
	VEOR V20.B16, V20.B16, V20.B16
	VEOR V21.B16, V21.B16, V21.B16
	VEOR V22.B16, V22.B16, V22.B16
	VEOR V23.B16, V23.B16, V23.B16

loop:
	VLD1.P  64(R0), [V0.H8, V1.H8, V2.H8, V3.H8]
	VUADDW  V0.H4, V16.S4, V16.S4
	VUADDW2 V0.H8, V17.S4, V17.S4
	VUADDW  V1.H4, V18.S4, V18.S4
	VUADDW2 V1.H8, V19.S4, V19.S4
	VUADDW  V2.H4, V20.S4, V20.S4
	VUADDW2 V2.H8, V21.S4, V21.S4
	VUADDW  V3.H4, V22.S4, V22.S4
	VUADDW2 V3.H8, V23.S4, V23.S4
	SUBS    $64, R1, R1
	BNE     loop

	// Within a chunk all words together are less than 2³¹.
	VADD V17.S4, V16.S4, V16.S4
	VADD V19.S4, V18.S4, V18.S4
	VADD V21.S4, V20.S4, V20.S4
	VADD V23.S4, V22.S4, V22.S4
	VADD V18.S4, V16.S4, V16.S4
	VADD V22.S4, V20.S4, V20.S4
	VADD V20.S4, V16.S4, V16.S4
	VADDV V16.S4, V16
	VMOV V16.S[0], R2
	MOVD R2, ret+24(FP)
	RET
