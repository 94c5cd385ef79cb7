// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"encoding/binary"
	"fmt"
)

// payload is what follows a header (vhost-user, Payload). Parsers check all that
// can be told from the bytes alone.
type payload interface {
	// append adds the payload's bytes to b.
	append(b []byte) []byte
	// files is the number of descriptors that go with it.
	files() int
}

// none is the payload of requests that say it all with their name.
type none struct{}

func (none) append(b []byte) []byte { return b }
func (none) files() int             { return 0 }

func parseNone(b []byte) (payload, error) { return fixed(none{}, wantSize(b, 0)) }

// file is the payload of a request that is one descriptor and nothing else.
type file struct{ none }

func (file) files() int { return 1 }

func parseFile(b []byte) (payload, error) { return fixed(file{}, wantSize(b, 0)) }

// fixed returns p or err, never both.
func fixed(p payload, err error) (payload, error) {
	if err != nil {
		return nil, err
	}
	return p, nil
}

// number is a 64-bit integer: a feature set, a count or the result of a request.
type number uint64

func (n number) append(b []byte) []byte { return binary.NativeEndian.AppendUint64(b, uint64(n)) }
func (number) files() int               { return 0 }

func parseNumber(b []byte) (payload, error) {
	if err := wantSize(b, 8); err != nil {
		return nil, err
	}
	return number(binary.NativeEndian.Uint64(b)), nil
}

// wantSize checks the length of a payload whose length is fixed.
func wantSize(b []byte, want int) error {
	if len(b) != want {
		return fmt.Errorf("payload of %d bytes, want %d", len(b), want)
	}
	return nil
}

// wraps tells whether n bytes at addr, n not zero, reach beyond the last of limit.
func wraps(addr, n, limit uint64) bool { return n-1 > limit || addr > limit-(n-1) }
