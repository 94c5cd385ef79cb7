// SPDX-License-Identifier: MIT OR Apache-2.0

package rpc

import (
	"encoding/binary"
	"errors"
	"math"
)

// The protobuf encoding, as far as the service's messages use it
// (protobuf.dev/programming-guides/encoding): varints, 64-bit and 32-bit values, and
// bytes, which are also strings, messages and packed lists. Groups are refused.
const (
	wireVarint = 0
	wire64     = 1
	wireBytes  = 2
	wire32     = 5
)

var (
	errTruncated = errors.New("message ends in the middle of a field")
	errWireType  = errors.New("message has a field of unknown encoding")
	errTag       = errors.New("message has a field without a number")
	errMismatch  = errors.New("message has a field of another type than declared")
)

// field is one field of an encoded message. Only one of its values is set.
type field struct {
	number int
	kind   int // one of the wire constants
	value  uint64
	bytes  []byte // aliases the message
}

// decode calls set for each field of a message in turn. The last one counts where a
// field that is not repeated occurs again, so set may just overwrite.
func decode(message []byte, set func(f field) error) error {
	for len(message) > 0 {
		f, rest, err := cutField(message)
		if err != nil {
			return err
		}
		if err := set(f); err != nil {
			return err
		}
		message = rest
	}
	return nil
}

func cutField(b []byte) (f field, rest []byte, err error) {
	tag, b, err := cutVarint(b)
	if err != nil {
		return f, nil, err
	}
	if tag>>3 == 0 || tag>>3 > math.MaxInt32 {
		return f, nil, errTag
	}
	f.number, f.kind = int(tag>>3), int(tag&7)
	switch f.kind {
	case wireVarint:
		f.value, b, err = cutVarint(b)
	case wire64:
		if len(b) < 8 {
			return f, nil, errTruncated
		}
		f.value, b = binary.LittleEndian.Uint64(b), b[8:]
	case wire32:
		if len(b) < 4 {
			return f, nil, errTruncated
		}
		f.value, b = uint64(binary.LittleEndian.Uint32(b)), b[4:]
	case wireBytes:
		var n uint64
		if n, b, err = cutVarint(b); err != nil {
			return f, nil, err
		}
		if n > uint64(len(b)) {
			return f, nil, errTruncated
		}
		f.bytes, b = b[:n], b[n:]
	default:
		return f, nil, errWireType
	}
	return f, b, err
}

func cutVarint(b []byte) (uint64, []byte, error) {
	v, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, errTruncated
	}
	return v, b[n:], nil
}

// The setters store a field, if it has the type that was declared.

func setText(dst *string, f field) error {
	if f.kind != wireBytes {
		return errMismatch
	}
	*dst = string(f.bytes)
	return nil
}

func addText(dst *[]string, f field) error {
	if f.kind != wireBytes {
		return errMismatch
	}
	*dst = append(*dst, string(f.bytes))
	return nil
}

func setInteger[T ~uint16 | ~uint32 | ~uint64 | ~int64](dst *T, f field) error {
	if f.kind != wireVarint {
		return errMismatch
	}
	*dst = T(f.value)
	return nil
}

func setBool(dst *bool, f field) error {
	if f.kind != wireVarint {
		return errMismatch
	}
	*dst = f.value != 0
	return nil
}

// addIntegers takes one value, or a packed list.
func addIntegers[T ~uint16](dst *[]T, f field) error {
	if f.kind == wireVarint {
		*dst = append(*dst, T(f.value))
		return nil
	}
	if f.kind != wireBytes {
		return errMismatch
	}
	for b := f.bytes; len(b) > 0; {
		v, rest, err := cutVarint(b)
		if err != nil {
			return err
		}
		*dst = append(*dst, T(v))
		b = rest
	}
	return nil
}

// setMessage decodes a message inside of a message.
func setMessage[T any, P interface {
	*T
	Decode([]byte) error
}](dst **T, f field) error {
	if f.kind != wireBytes {
		return errMismatch
	}
	if *dst == nil { // parts of one message add up
		*dst = new(T)
	}
	return P(*dst).Decode(f.bytes)
}

func addMessage[T any, P interface {
	*T
	Decode([]byte) error
}](dst *[]T, f field) error {
	if f.kind != wireBytes {
		return errMismatch
	}
	var m T
	if err := P(&m).Decode(f.bytes); err != nil {
		return err
	}
	*dst = append(*dst, m)
	return nil
}

// The appenders encode a field. A value of zero is left out, as proto3 does.

func appendTag(b []byte, number, kind int) []byte {
	return binary.AppendUvarint(b, uint64(number)<<3|uint64(kind))
}

func appendInteger[T ~uint32 | ~uint64](b []byte, number int, v T) []byte {
	if v == 0 {
		return b
	}
	return binary.AppendUvarint(appendTag(b, number, wireVarint), uint64(v))
}

func appendBool(b []byte, number int, v bool) []byte {
	if !v {
		return b
	}
	return append(appendTag(b, number, wireVarint), 1)
}

func appendText[T ~string | ~[]byte](b []byte, number int, v T) []byte {
	if len(v) == 0 {
		return b
	}
	b = binary.AppendUvarint(appendTag(b, number, wireBytes), uint64(len(v)))
	return append(b, v...)
}

// appendMessage encodes a message inside of a message, also an empty one.
func appendMessage(b []byte, number int, message []byte) []byte {
	b = binary.AppendUvarint(appendTag(b, number, wireBytes), uint64(len(message)))
	return append(b, message...)
}

func appendDoubles(b []byte, number int, values []float64) []byte {
	if len(values) == 0 {
		return b
	}
	b = binary.AppendUvarint(appendTag(b, number, wireBytes), uint64(8*len(values)))
	for _, v := range values {
		b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
	}
	return b
}
