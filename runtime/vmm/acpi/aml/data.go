// SPDX-License-Identifier: MIT OR Apache-2.0

package aml

import (
	"encoding/binary"
	"strings"
)

// Opcodes of data objects (ACPI 6.4 §20.2.3, §20.2.5.4).
const (
	zeroOp      = 0x00
	oneOp       = 0x01
	bytePrefix  = 0x0a
	wordPrefix  = 0x0b
	dwordPrefix = 0x0c
	strPrefix   = 0x0d
	qwordPrefix = 0x0e
	bufferOp    = 0x11
	packageOp   = 0x12
)

// Int is an integer, in the shortest form.
func Int(v uint64) Term {
	le := binary.LittleEndian
	switch {
	case v == 0:
		return Term{code: []byte{zeroOp}}
	case v == 1:
		return Term{code: []byte{oneOp}}
	case v < 1<<8:
		return Term{code: []byte{bytePrefix, byte(v)}}
	case v < 1<<16:
		return Term{code: le.AppendUint16([]byte{wordPrefix}, uint16(v))}
	case v < 1<<32:
		return Term{code: le.AppendUint32([]byte{dwordPrefix}, uint32(v))}
	}
	return Term{code: le.AppendUint64([]byte{qwordPrefix}, v)}
}

// String is a string of ASCII characters other than NUL.
func String(s string) Term {
	if i := strings.IndexFunc(s, func(r rune) bool { return r < 1 || r > 0x7f }); i >= 0 {
		return failed("encoding the ACPI string %q: not ASCII at byte %d", s, i)
	}
	return Term{code: append(append([]byte{strPrefix}, s...), 0)}
}

// Buffer is a buffer with data in it.
func Buffer(data []byte) Term {
	return sized([]byte{bufferOp}, Int(uint64(len(data))), Term{code: data})
}

// maxElements is how many elements a package has at most: their number is a byte.
const maxElements = 255

// Package is a list of objects.
func Package(elements ...Term) Term {
	if len(elements) > maxElements {
		return failed("encoding an ACPI package: %d elements, and %d can be", len(elements), maxElements)
	}
	return sized([]byte{packageOp}, Term{code: []byte{byte(len(elements))}}, join(nil, elements...))
}

// EISAID is the compressed form of a plug and play id (ACPI 6.4 §19.3.4): three
// capitals of 5 bits each and four hexadecimal digits, in big-endian order.
func EISAID(id string) Term {
	const digits = "0123456789ABCDEF"
	if len(id) != 7 {
		return failed("encoding the EISA id %q: not 7 characters", id)
	}
	var v uint32
	for i := range len(id) {
		switch c := id[i]; {
		case i < 3 && 'A' <= c && c <= 'Z':
			v = v<<5 | uint32(c-'A'+1)
		case i >= 3 && strings.IndexByte(digits, c) >= 0:
			v = v<<4 | uint32(strings.IndexByte(digits, c))
		default:
			return failed("encoding the EISA id %q: %q does not belong there", id, c)
		}
	}
	return Term{code: binary.BigEndian.AppendUint32([]byte{dwordPrefix}, v)}
}
