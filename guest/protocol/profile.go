// SPDX-License-Identifier: MIT OR Apache-2.0

package protocol

import (
	"encoding/binary"
	"fmt"
	"io"
)

const (
	profileFixedSize = 16
	maxProfileKind   = 16      // bytes
	maxProfileSize   = 8 << 20 // bytes
)

var profileMagic = [4]byte{'a', 'b', 'x', 'p'}

// Profile is a profile that an agent has kept of itself, in pprof's format. An agent
// that was built to keep any writes all of them to each connection to ProfilePort,
// one after the other, and closes it.
//
//	offset 0  magic "abxp"
//	       4  version, 16 bits
//	       6  length of the kind in bytes, 16 bits, from 1 to 16
//	       8  length of the profile in bytes, 64 bits, at most 8 MiB
//	      16  the kind, letters from a to z
//	          the profile
type Profile struct {
	Kind string // "cpu"
	Data []byte
}

// Append appends the profile's encoding to b.
func (p Profile) Append(b []byte) []byte {
	b = append(b, profileMagic[:]...)
	b = binary.BigEndian.AppendUint16(b, Version)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.Kind)))
	b = binary.BigEndian.AppendUint64(b, uint64(len(p.Data)))
	b = append(b, p.Kind...)
	return append(b, p.Data...)
}

// ReadProfile reads a profile and not a byte more. Where there is none it returns
// io.EOF. A profile of another version gives a *VersionError.
func ReadProfile(r io.Reader) (Profile, error) {
	var b [profileFixedSize + maxProfileKind]byte
	if _, err := io.ReadFull(r, b[:profileFixedSize]); err == io.EOF {
		return Profile{}, io.EOF
	} else if err != nil {
		return Profile{}, fmt.Errorf("reading profile: %w", err)
	}
	if [4]byte(b[:4]) != profileMagic {
		return Profile{}, fmt.Errorf("reading profile: magic %q", b[:4])
	}
	if v := binary.BigEndian.Uint16(b[4:]); v != Version {
		return Profile{}, &VersionError{Other: uint32(v)}
	}
	n, size := int(binary.BigEndian.Uint16(b[6:])), binary.BigEndian.Uint64(b[8:])
	if n == 0 || n > maxProfileKind {
		return Profile{}, fmt.Errorf("reading profile: kind of %d bytes", n)
	}
	if size > maxProfileSize {
		return Profile{}, fmt.Errorf("reading profile: %d bytes are too many", size)
	}
	kind := b[profileFixedSize : profileFixedSize+n]
	if _, err := io.ReadFull(r, kind); err != nil {
		return Profile{}, fmt.Errorf("reading profile: %w", noEnd(err))
	}
	for _, c := range kind {
		if c < 'a' || c > 'z' {
			return Profile{}, fmt.Errorf("reading profile: kind %q", kind)
		}
	}
	// What is claimed to come is not reserved until it does.
	data, err := io.ReadAll(io.LimitReader(r, int64(size)))
	if err == nil && uint64(len(data)) < size {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return Profile{}, fmt.Errorf("reading profile: %w", err)
	}
	return Profile{Kind: string(kind), Data: data}, nil
}

// noEnd makes an end where none may be an error.
func noEnd(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
