// SPDX-License-Identifier: MIT OR Apache-2.0

// Package aml writes ACPI machine language: the byte code that describes devices to
// a guest (ACPI 6.4 §20).
//
// A Term is a piece of it. Terms are put together from the inside out, and Encode
// gives the bytes of a definition block's body. What cannot be encoded makes a term
// that carries an error; terms made of it carry it on, and Encode returns it.
package aml

import "fmt"

// Term is an encoded object, reference or statement, or the error that its making met.
type Term struct {
	code []byte
	err  error
}

// Encode returns the code of the terms, one behind the other, or the first error.
func Encode(terms ...Term) ([]byte, error) {
	t := join(nil, terms...)
	return t.code, t.err
}

// join makes a term of a prefix and terms.
func join(prefix []byte, terms ...Term) Term {
	code := prefix
	for _, t := range terms {
		if t.err != nil {
			return t
		}
		code = append(code, t.code...)
	}
	return Term{code: code}
}

func failed(format string, args ...any) Term {
	return Term{err: fmt.Errorf(format, args...)}
}

// Limits of a package length in bytes, itself included, by the number of bytes that
// it is encoded in (ACPI 6.4 §20.2.4).
const (
	maxLength1 = 1<<6 - 1
	maxLength2 = 1<<12 - 1
	maxLength3 = 1<<20 - 1
	maxLength4 = 1<<28 - 1
)

// packageLength encodes the length of n bytes that follow it, which counts its own
// bytes, too (ACPI 6.4 §20.2.4): up to 63 in one byte; else the first byte has the
// number of further bytes in its bits 7–6 and the low 4 bits of the length.
func packageLength(n int) ([]byte, error) {
	switch {
	case n+1 <= maxLength1:
		return []byte{byte(n + 1)}, nil
	case n+2 <= maxLength2:
		n += 2
		return []byte{1<<6 | byte(n&0xf), byte(n >> 4)}, nil
	case n+3 <= maxLength3:
		n += 3
		return []byte{2<<6 | byte(n&0xf), byte(n >> 4), byte(n >> 12)}, nil
	case n+4 <= maxLength4:
		n += 4
		return []byte{3<<6 | byte(n&0xf), byte(n >> 4), byte(n >> 12), byte(n >> 20)}, nil
	}
	return nil, fmt.Errorf("encoding a package of %d bytes: longer than AML allows", n)
}

// sized makes a term of an opcode, the length of what follows, and the terms.
func sized(opcode []byte, terms ...Term) Term {
	body := join(nil, terms...)
	if body.err != nil {
		return body
	}
	length, err := packageLength(len(body.code))
	if err != nil {
		return Term{err: err}
	}
	code := make([]byte, 0, len(opcode)+len(length)+len(body.code))
	code = append(append(append(code, opcode...), length...), body.code...)
	return Term{code: code}
}
