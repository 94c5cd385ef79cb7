// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

// Package seccomp writes seccomp filters (seccomp(2)): lists of the system calls
// that a process may make, of the arguments that they may have, and of what becomes
// of the others. It knows no process in particular.
//
// A filter is a classic BPF program, which sees a call's number and its arguments
// but nothing behind a pointer. The kernel answers calls that pass whatever their
// arguments from a bitmap, without running the program.
package seccomp

import "golang.org/x/sys/unix"

// Offsets in struct seccomp_data (seccomp(2)), little-endian.
const (
	offNR   = 0
	offArch = 4
	offArgs = 16 // 8 bytes an argument, the low half first
)

const (
	auditX64 = 0xc000003e // AUDIT_ARCH_X86_64
	x32Bit   = 0x40000000 // of a call's number (syscall(2), x32)
)

// Codes of classic BPF instructions.
const (
	load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	atLst = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	bits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	ret   = unix.BPF_RET | unix.BPF_K
)

// Filter is a list of rules. The first one that fits a call decides.
type Filter struct {
	program []unix.SockFilter
}

// New returns a filter without rules. It ends a process that calls by another
// architecture's numbers, since the rules would mean other calls there.
func New() *Filter {
	return &Filter{program: []unix.SockFilter{
		stmt(load, offArch),
		jump(equal, auditX64, 1, 0),
		stmt(ret, unix.SECCOMP_RET_KILL_PROCESS),
		stmt(load, offNR),
		jump(atLst, x32Bit, 0, 1),
		stmt(ret, unix.SECCOMP_RET_KILL_PROCESS),
	}}
}

// AllowAll lets calls pass whatever their arguments.
func (f *Filter) AllowAll(calls ...uint32) {
	for _, nr := range calls {
		f.Allow(nr)
	}
}

// Allow lets a call pass if all of matches hold.
func (f *Filter) Allow(call uint32, matches ...Match) { f.rule(call, unix.SECCOMP_RET_ALLOW, matches) }

// Refuse has a call fail with errno if all of matches hold.
func (f *Filter) Refuse(errno unix.Errno, call uint32, matches ...Match) {
	f.rule(call, unix.SECCOMP_RET_ERRNO|uint32(errno), matches)
}

// Kill ends the process that makes a call if all of matches hold.
func (f *Filter) Kill(call uint32, matches ...Match) {
	f.rule(call, unix.SECCOMP_RET_KILL_PROCESS, matches)
}

// Program returns the filter's program. Calls that no rule fits fail with errno.
func (f *Filter) Program(errno unix.Errno) []unix.SockFilter {
	return append(f.program[:len(f.program):len(f.program)], stmt(ret, unix.SECCOMP_RET_ERRNO|uint32(errno)))
}

// rule appends a test of the call's number, which the accumulator holds before and
// after it, the tests of the arguments, and the action.
func (f *Filter) rule(call, action uint32, matches []Match) {
	if len(matches) == 0 {
		f.program = append(f.program, jump(equal, call, 0, 1), stmt(ret, action))
		return
	}
	var tests []unix.SockFilter
	for i := len(matches) - 1; i >= 0; i-- { // from the last: a failing test jumps behind all that follow
		tests = append(matches[i].test(len(tests)+1), tests...)
	}
	tests = append(tests, stmt(ret, action), stmt(load, offNR))
	f.program = append(f.program, jump(equal, call, 0, distance(len(tests))))
	f.program = append(f.program, tests...)
}

func stmt(code uint16, k uint32) unix.SockFilter { return unix.SockFilter{Code: code, K: k} }

func jump(code uint16, k uint32, jt, jf uint8) unix.SockFilter {
	return unix.SockFilter{Code: code, Jt: jt, Jf: jf, K: k}
}

// distance is n as a jump's offset. Rules are part of the program text, so one that
// is too long is a mistake of whoever wrote it.
func distance(n int) uint8 {
	if n > 255 {
		panic("seccomp: a rule is too long for its jumps")
	}
	return uint8(n)
}
