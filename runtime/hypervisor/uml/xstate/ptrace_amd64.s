// SPDX-License-Identifier: MIT OR Apache-2.0

#include "textflag.h"

// func codeAddress() unsafe.Pointer
TEXT ·codeAddress(SB), NOSPLIT, $0-8
	LEAQ ptrace<>(SB), AX
	MOVQ AX, ret+0(FP)
	RET

#define SYS_ptrace 101
#define GETREGSET  0x4204
#define SETREGSET  0x4205
#define NT_XSTATE  0x202
#define OLDSETOPTIONS 21
#define SETOPTIONS 0x4200
#define EXITKILL   0x100000 // PTRACE_O_EXITKILL

// Words of the data page, one page behind this code. R9 points to it throughout.
#define ERRNO 0x00   // address of __errno_location, put there by the dynamic linker
#define NEED  0x08   // bytes of the host's XSAVE area, 0 until known
#define BASE  0x10   // an iovec: base
#define LEN   0x18   // and length
#define AREA  0x200  // the padded area
#define ROOM  0x4000 // and its size

// long ptrace(long request, long pid, void *addr, void *data)
//
// It is called by C, never by Go: arguments in DI, SI, DX, CX, result in AX; BX,
// BP, SP and R12 to R15 are the caller's (System V AMD64 ABI, 3.2). It touches no
// Go symbol, so that it works wherever its bytes are put.
TEXT ptrace<>(SB), NOSPLIT|NOFRAME, $0
	// LEAQ 0x1000-7(IP), R9. The instruction is 7 bytes long.
	BYTE $0x4c; BYTE $0x8d; BYTE $0x0d; LONG $0x00000ff9
	MOVQ CX, R10
	CMPQ DI, $SETREGSET
	JNE  other
	CMPQ DX, $NT_XSTATE
	JNE  call
	MOVQ CX, R8            // the caller's iovec
	CMPQ NEED(R9), $0
	JNE  known

	// Ask the host for its size, once: GETREGSET says how much it wrote.
	LEAQ AREA(R9), AX
	MOVQ AX, BASE(R9)
	MOVQ $ROOM, LEN(R9)
	LEAQ BASE(R9), R10
	MOVQ $GETREGSET, DI
	MOVQ $SYS_ptrace, AX
	SYSCALL
	MOVQ $SETREGSET, DI
	MOVQ R8, R10
	TESTQ AX, AX
	JNE  call              // not to be had: let the original call say what is wrong
	MOVQ LEN(R9), AX
	MOVQ AX, NEED(R9)
	MOVQ DI, R10
	LEAQ AREA(R9), DI      // zero the area again
	MOVQ $ROOM, CX
	XORL AX, AX
	CLD
	REP; STOSB
	MOVQ R10, DI
	MOVQ R8, R10

known:
	MOVQ 8(R8), CX         // iov_len
	CMPQ CX, NEED(R9)
	JAE  call
	MOVQ DI, R10
	MOVQ SI, R11
	MOVQ 0(R8), SI         // iov_base
	LEAQ AREA(R9), DI
	MOVQ DI, BASE(R9)
	CLD
	REP; MOVSB
	MOVQ R10, DI
	MOVQ R11, SI
	MOVQ NEED(R9), AX
	MOVQ AX, LEN(R9)
	LEAQ BASE(R9), R10
	JMP  call

other:
	CMPQ DI, $OLDSETOPTIONS
	JEQ  options
	CMPQ DI, $SETOPTIONS
	JNE  peek
options:
	MOVQ $SETOPTIONS, DI
	ORQ  $EXITKILL, R10
	JMP  call

peek:
	// PEEKTEXT, PEEKDATA and PEEKUSER (1 to 3) return the word that the system
	// call stores where data points (ptrace(2), C library/kernel differences).
	LEAQ -1(DI), AX
	CMPQ AX, $2
	JHI  call
	LEAQ -16(SP), R10      // the red zone, which a system call leaves alone
	MOVQ $SYS_ptrace, AX
	SYSCALL
	TESTQ AX, AX
	JNE  failed
	MOVQ -16(SP), R8
	SUBQ $24, SP           // the stack is on 16 bytes at the call
	MOVQ R8, 8(SP)
	MOVQ ERRNO(R9), AX
	CALL AX
	MOVL $0, 0(AX)
	MOVQ 8(SP), AX
	ADDQ $24, SP
	RET

call:
	MOVQ $SYS_ptrace, AX
	SYSCALL
	CMPQ AX, $-4095
	JAE  failed
	RET

failed:
	NEGQ AX
	SUBQ $24, SP
	MOVQ AX, 8(SP)
	MOVQ ERRNO(R9), AX
	CALL AX
	MOVQ 8(SP), CX
	MOVL CX, 0(AX)
	ADDQ $24, SP
	MOVQ $-1, AX
	RET
