// SPDX-License-Identifier: MIT OR Apache-2.0

package protocol

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Stream is what a connection to StreamPort carries. The values are those of the
// enumeration Stream in agent.proto.
type Stream uint16

const (
	Stdin    Stream = 1
	Stdout   Stream = 2
	Stderr   Stream = 3
	Terminal Stream = 4 // both ways: what is typed and what is shown
)

// String returns the stream's name.
func (s Stream) String() string {
	switch s {
	case Stdin:
		return "stdin"
	case Stdout:
		return "stdout"
	case Stderr:
		return "stderr"
	case Terminal:
		return "terminal"
	}
	return "stream " + strconv.Itoa(int(s))
}

// StreamHeaderSize is the size in bytes of a stream's header.
const StreamHeaderSize = 16

var streamMagic = [4]byte{'a', 'b', 'x', 's'}

// StreamHeader is the first thing that the host writes to a connection on
// StreamPort. Whatever follows is the stream itself.
//
//	offset 0  magic "abxs"
//	       4  version, 16 bits
//	       6  stream, 16 bits
//	       8  id, 64 bits
type StreamHeader struct {
	ID     uint64 // of the process, as in ExecRequest; not 0
	Stream Stream
}

// Append appends the header's encoding to b.
func (h StreamHeader) Append(b []byte) []byte {
	b = append(b, streamMagic[:]...)
	b = binary.BigEndian.AppendUint16(b, Version)
	b = binary.BigEndian.AppendUint16(b, uint16(h.Stream))
	return binary.BigEndian.AppendUint64(b, h.ID)
}

// ReadStreamHeader reads a header and not a byte more. A header of another version
// gives a *VersionError.
func ReadStreamHeader(r io.Reader) (StreamHeader, error) {
	var b [StreamHeaderSize]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return StreamHeader{}, fmt.Errorf("reading stream header: %w", err)
	}
	if [4]byte(b[:4]) != streamMagic {
		return StreamHeader{}, fmt.Errorf("reading stream header: magic %q", b[:4])
	}
	if v := binary.BigEndian.Uint16(b[4:]); v != Version {
		return StreamHeader{}, &VersionError{Other: uint32(v)}
	}
	h := StreamHeader{ID: binary.BigEndian.Uint64(b[8:]), Stream: Stream(binary.BigEndian.Uint16(b[6:]))}
	if h.ID == 0 {
		return StreamHeader{}, errors.New("reading stream header: id 0")
	}
	if h.Stream < Stdin || h.Stream > Terminal {
		return StreamHeader{}, fmt.Errorf("reading stream header: unknown %v", h.Stream)
	}
	return h, nil
}
