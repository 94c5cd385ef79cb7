// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package seccomp

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	allowed = unix.SECCOMP_RET_ALLOW
	killed  = unix.SECCOMP_RET_KILL_PROCESS
	eperm   = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
	enosys  = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
)

// run interprets a program for one call, as the kernel does.
func run(t *testing.T, program []unix.SockFilter, arch, nr uint32, args ...uint64) uint32 {
	t.Helper()
	data := make([]byte, 64)
	binary.LittleEndian.PutUint32(data[offNR:], nr)
	binary.LittleEndian.PutUint32(data[offArch:], arch)
	for i, a := range args {
		binary.LittleEndian.PutUint64(data[offArgs+8*i:], a)
	}
	var a uint32
	for pc := 0; pc < len(program); pc++ {
		in := program[pc]
		branch := func(taken bool) {
			if taken {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		}
		switch in.Code {
		case load:
			a = binary.LittleEndian.Uint32(data[in.K:])
		case equal:
			branch(a == in.K)
		case atLst:
			branch(a >= in.K)
		case bits:
			branch(a&in.K != 0)
		case ret:
			return in.K
		default:
			t.Fatalf("instruction %d: code %#x", pc, in.Code)
		}
	}
	t.Fatal("the program has no end")
	return 0
}

func TestRules(t *testing.T) {
	f := New()
	f.AllowAll(1, 2)
	f.Allow(10, Any(1, 5, 6, 7))
	f.Allow(10, Any(0, 99))
	f.Allow(11, None(0, 0xf0), Some(0, 0x3))
	f.Allow(12, Any(0, 1, 2), Any(2, 3, 4), None(5, 1))
	f.Kill(13, Any(1, 6))
	f.Allow(13)
	f.Refuse(unix.ENOSYS, 14)
	f.Refuse(unix.ENOSYS, 15, Some(0, 8))
	program := f.Program(unix.EPERM)
	for _, c := range []struct {
		what string
		nr   uint32
		args []uint64
		want uint32
	}{
		{"plain", 1, nil, allowed},
		{"plain, the second", 2, []uint64{1 << 40}, allowed},
		{"unknown", 3, nil, eperm},
		{"first of the values", 10, []uint64{0, 5}, allowed},
		{"last of the values", 10, []uint64{0, 7}, allowed},
		{"none of the values", 10, []uint64{0, 8}, eperm},
		{"a second rule for the call", 10, []uint64{99, 8}, allowed},
		{"an int's upper half does not count", 10, []uint64{0, 1<<32 | 5}, allowed},
		{"bits as wanted", 11, []uint64{2}, allowed},
		{"a bit that must not be", 11, []uint64{0x12}, eperm},
		{"no bit of those that must be", 11, []uint64{4}, eperm},
		{"three arguments", 12, []uint64{2, 0, 3, 0, 0, 2}, allowed},
		{"the first does not match", 12, []uint64{3, 0, 3, 0, 0, 2}, eperm},
		{"the second does not match", 12, []uint64{1, 0, 5, 0, 0, 2}, eperm},
		{"the third does not match", 12, []uint64{1, 0, 4, 0, 0, 1}, eperm},
		{"killed", 13, []uint64{0, 6}, killed},
		{"not killed", 13, []uint64{0, 7}, allowed},
		{"another errno", 14, nil, enosys},
		{"another errno for a flag", 15, []uint64{12}, enosys},
		{"the rest for other flags", 15, []uint64{4}, eperm},
		{"x32", x32Bit | 1, nil, killed},
	} {
		require.Equal(t, c.want, run(t, program, auditX64, c.nr, c.args...), c.what)
	}
	const auditI386 = 0x40000003
	require.EqualValues(t, killed, run(t, program, auditI386, 1), "another architecture")
}

// TestProgramCanBeTakenTwice: the end of one program is not part of the filter.
func TestProgramCanBeTakenTwice(t *testing.T) {
	f := New()
	first := f.Program(unix.EPERM)
	f.Allow(5)
	second := f.Program(unix.EACCES)
	require.Equal(t, eperm, run(t, first, auditX64, 5))
	require.EqualValues(t, allowed, run(t, second, auditX64, 5))
}

func TestRuleTooLong(t *testing.T) {
	require.Panics(t, func() { New().Allow(1, Any(0, make([]uint32, 300)...)) })
}

// TestInstallRefused: the kernel takes no program that does not end.
func TestInstallRefused(t *testing.T) {
	require.Error(t, Install(make([]unix.SockFilter, 1), false))
}
