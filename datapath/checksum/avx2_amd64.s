// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build amd64 && !purego && !race

#include "textflag.h"

// func sumAVX2(b []byte) uint64
//
// VPMADDWD adds pairs of words into 32-bit lanes, but takes them as signed.
// Flipping the top bit of a word subtracts 32768 from what it stands for, and
// 32768 for each word, which is 16384 for each byte, is added at the end.
//
// SI next byte, CX bytes left, DX length; Y0-Y3 sums, Y14 ones, Y15 top bits.
TEXT ·sumAVX2(SB), NOSPLIT, $0-32
	MOVQ     b_base+0(FP), SI
	MOVQ     b_len+8(FP), CX
	MOVQ     CX, DX
	VPXOR    Y0, Y0, Y0
	VPXOR    Y1, Y1, Y1
	VPXOR    Y2, Y2, Y2
	VPXOR    Y3, Y3, Y3
	VPCMPEQW Y13, Y13, Y13
	VPSRLW   $15, Y13, Y14
	VPSLLW   $15, Y13, Y15
	SUBQ     $128, CX
	JB       rest

loop:
	VPXOR    (SI), Y15, Y4
	VPXOR    32(SI), Y15, Y5
	VPXOR    64(SI), Y15, Y6
	VPXOR    96(SI), Y15, Y7
	VPMADDWD Y14, Y4, Y4
	VPMADDWD Y14, Y5, Y5
	VPMADDWD Y14, Y6, Y6
	VPMADDWD Y14, Y7, Y7
	VPADDD   Y4, Y0, Y0
	VPADDD   Y5, Y1, Y1
	VPADDD   Y6, Y2, Y2
	VPADDD   Y7, Y3, Y3
	ADDQ     $128, SI
	SUBQ     $128, CX
	JAE      loop

// CX is 128 less than the bytes left, of which bits 5 and 6 tell.
rest:
	TESTQ    $64, CX
	JZ       rest32
	VPXOR    (SI), Y15, Y4
	VPXOR    32(SI), Y15, Y5
	VPMADDWD Y14, Y4, Y4
	VPMADDWD Y14, Y5, Y5
	VPADDD   Y4, Y0, Y0
	VPADDD   Y5, Y1, Y1
	ADDQ     $64, SI

rest32:
	TESTQ    $32, CX
	JZ       reduce
	VPXOR    (SI), Y15, Y4
	VPMADDWD Y14, Y4, Y4
	VPADDD   Y4, Y2, Y2

// Within a chunk every partial sum is between -2³⁰ and 2³⁰.
reduce:
	VPADDD       Y1, Y0, Y0
	VPADDD       Y3, Y2, Y2
	VPADDD       Y2, Y0, Y0
	VEXTRACTI128 $1, Y0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0x4e, X0, X1
	VPADDD       X1, X0, X0
	VPSHUFD      $0xb1, X0, X1
	VPADDD       X1, X0, X0
	VMOVD        X0, AX
	VZEROUPPER
	MOVLQSX      AX, AX
	SHLQ         $14, DX
	ADDQ         DX, AX
	MOVQ         AX, ret+24(FP)
	RET
