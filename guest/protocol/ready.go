// SPDX-License-Identifier: MIT OR Apache-2.0

package protocol

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"
	"unicode/utf8"
)

const (
	readyFixedSize  = 16
	maxAgentVersion = 64 // bytes
)

var readyMagic = [4]byte{'a', 'b', 'x', 'r'}

// Ready is what the agent writes to the host's ReadyPort once it serves.
//
//	offset 0  magic "abxr"
//	       4  version, 16 bits
//	       6  length of the agent's version in bytes, 16 bits, at most 64
//	       8  time since the agent's start in nanoseconds, 64 bits
//	      16  the agent's version, UTF-8
type Ready struct {
	Version      uint32 // of the protocol
	AgentVersion string
	SinceStart   time.Duration // from the agent's start to the sending of this record
}

// Append appends the record's encoding to b; an agent version is cut at 64 bytes.
func (r Ready) Append(b []byte) []byte {
	v := r.AgentVersion[:min(len(r.AgentVersion), maxAgentVersion)]
	b = append(b, readyMagic[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(r.Version))
	b = binary.BigEndian.AppendUint16(b, uint16(len(v)))
	b = binary.BigEndian.AppendUint64(b, uint64(r.SinceStart))
	return append(b, v...)
}

// ReadReady reads a record and not a byte more. A record of another version gives
// a *VersionError.
func ReadReady(rd io.Reader) (Ready, error) {
	var b [readyFixedSize + maxAgentVersion]byte
	if _, err := io.ReadFull(rd, b[:readyFixedSize]); err != nil {
		return Ready{}, fmt.Errorf("reading ready record: %w", err)
	}
	if [4]byte(b[:4]) != readyMagic {
		return Ready{}, fmt.Errorf("reading ready record: magic %q", b[:4])
	}
	if v := binary.BigEndian.Uint16(b[4:]); v != Version {
		return Ready{}, &VersionError{Other: uint32(v)}
	}
	n := int(binary.BigEndian.Uint16(b[6:]))
	if n > maxAgentVersion {
		return Ready{}, fmt.Errorf("reading ready record: agent version of %d bytes", n)
	}
	since := binary.BigEndian.Uint64(b[8:])
	if since > math.MaxInt64 {
		return Ready{}, fmt.Errorf("reading ready record: time since start out of range")
	}
	text := b[readyFixedSize : readyFixedSize+n]
	if _, err := io.ReadFull(rd, text); err != nil {
		return Ready{}, fmt.Errorf("reading ready record: %w", err)
	}
	if !utf8.Valid(text) {
		return Ready{}, fmt.Errorf("reading ready record: agent version is not text")
	}
	return Ready{Version: Version, AgentVersion: string(text), SinceStart: time.Duration(since)}, nil
}
