// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package seccomp

import "golang.org/x/sys/unix"

// Match is a condition on one argument of a call, of which the low 32 bits are
// looked at. That is all there is of an int and of flags; of a wider argument it is
// the part that the kernel knows bits in.
type Match struct {
	arg    int
	code   uint16
	values []uint32
	want   bool // whether the comparison is to be true
}

// Any holds if argument arg (from 0) has one of the values.
func Any(arg int, values ...uint32) Match { return Match{arg, equal, values, true} }

// Some holds if argument arg has at least one of the bits in mask.
func Some(arg int, mask uint32) Match { return Match{arg, bits, []uint32{mask}, true} }

// None holds if argument arg has no bit of mask.
func None(arg int, mask uint32) Match { return Match{arg, bits, []uint32{mask}, false} }

// test returns the instructions of the match. They go on behind themselves where it
// holds, and skip so many instructions more where it does not.
func (m Match) test(skip int) []unix.SockFilter {
	out := []unix.SockFilter{stmt(load, uint32(offArgs+8*m.arg))}
	if !m.want {
		return append(out, jump(m.code, m.values[0], distance(skip), 0))
	}
	last := len(m.values) - 1
	for i, v := range m.values {
		miss := uint8(0)
		if i == last {
			miss = distance(skip)
		}
		out = append(out, jump(m.code, v, distance(last-i), miss))
	}
	return out
}
