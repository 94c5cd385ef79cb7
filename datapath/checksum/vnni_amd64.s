// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build amd64 && !purego && !race

#include "textflag.h"

// func sumVNNI(b []byte) uint64
//
// VPDPBUSD multiplies unsigned bytes by small weights and adds groups of four to
// 32-bit lanes. One takes the low bytes of the words with weight 1, a second one
// the high bytes, and their sums are joined at the end: a weight of 256 would not
// fit. The last 1-63 bytes come by a masked load, which neither reads nor faults on
// what the mask leaves out.
//
// SI next byte, CX bytes left; Z0-Z3 sums of low bytes, Z4-Z7 of high bytes, Z30 and
// Z31 their weights.
TEXT ·sumVNNI(SB), NOSPLIT, $0-32
	MOVQ         b_base+0(FP), SI
	MOVQ         b_len+8(FP), CX
	MOVL         $0x00010001, AX
	VPBROADCASTD AX, Z30
	VPSLLD       $8, Z30, Z31
	VPXORD       X0, X0, X0
	VPXORD       X1, X1, X1
	VPXORD       X2, X2, X2
	VPXORD       X3, X3, X3
	VPXORD       X4, X4, X4
	VPXORD       X5, X5, X5
	VPXORD       X6, X6, X6
	VPXORD       X7, X7, X7
	SUBQ         $256, CX
	JB           rest

loop:
	VMOVDQU32 (SI), Z8
	VMOVDQU32 64(SI), Z9
	VMOVDQU32 128(SI), Z10
	VMOVDQU32 192(SI), Z11
	VPDPBUSD  Z30, Z8, Z0
	VPDPBUSD  Z31, Z8, Z4
	VPDPBUSD  Z30, Z9, Z1
	VPDPBUSD  Z31, Z9, Z5
	VPDPBUSD  Z30, Z10, Z2
	VPDPBUSD  Z31, Z10, Z6
	VPDPBUSD  Z30, Z11, Z3
	VPDPBUSD  Z31, Z11, Z7
	ADDQ      $256, SI
	SUBQ      $256, CX
	JAE       loop

// CX is 256 less than the bytes left, of which the low eight bits tell.
rest:
	TESTQ     $128, CX
	JZ        rest64
	VMOVDQU32 (SI), Z8
	VMOVDQU32 64(SI), Z9
	VPDPBUSD  Z30, Z8, Z0
	VPDPBUSD  Z31, Z8, Z4
	VPDPBUSD  Z30, Z9, Z1
	VPDPBUSD  Z31, Z9, Z5
	ADDQ      $128, SI

rest64:
	TESTQ     $64, CX
	JZ        last
	VMOVDQU32 (SI), Z10
	VPDPBUSD  Z30, Z10, Z2
	VPDPBUSD  Z31, Z10, Z6
	ADDQ      $64, SI

last:
	ANDL       $63, CX
	JZ         reduce
	MOVQ       $-1, AX
	BZHIQ      CX, AX, AX
	KMOVQ      AX, K1
	VMOVDQU8.Z (SI), K1, Z11
	VPDPBUSD   Z30, Z11, Z3
	VPDPBUSD   Z31, Z11, Z7

// Low and high bytes are joined in 32-bit lanes: within a chunk all words together
// are less than 2³¹.
reduce:
	VPADDD        Z1, Z0, Z0
	VPADDD        Z3, Z2, Z2
	VPADDD        Z5, Z4, Z4
	VPADDD        Z7, Z6, Z6
	VPADDD        Z2, Z0, Z0
	VPADDD        Z6, Z4, Z4
	VPSLLD        $8, Z4, Z4
	VPADDD        Z4, Z0, Z0
	VEXTRACTI64X4 $1, Z0, Y1
	VPADDD        Y1, Y0, Y0
	VEXTRACTI128  $1, Y0, X1
	VPADDD        X1, X0, X0
	VPSHUFD       $0x4e, X0, X1
	VPADDD        X1, X0, X0
	VPSHUFD       $0xb1, X0, X1
	VPADDD        X1, X0, X0
	VMOVD         X0, AX
	VZEROUPPER
	MOVQ          AX, ret+24(FP)
	RET
