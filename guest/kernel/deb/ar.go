// SPDX-License-Identifier: MIT OR Apache-2.0

package deb

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// arMagic begins an archive; see ar(5).
const arMagic = "!<arch>\n"

// arHeaderSize is the size of a member's header: name 16, date 12, uid 6, gid 6,
// mode 8, size 10 bytes, and two that end it.
const arHeaderSize = 60

// arReader reads the members of an archive in order.
type arReader struct {
	r      *bufio.Reader
	member io.LimitedReader // what is left of the present member
	pad    bool             // a byte of padding follows it
}

func newArReader(r io.Reader) (*arReader, error) {
	a := &arReader{r: bufio.NewReaderSize(r, 1<<20)}
	var magic [len(arMagic)]byte
	if _, err := io.ReadFull(a.r, magic[:]); err != nil || string(magic[:]) != arMagic {
		return nil, fmt.Errorf("%w: it does not begin as an archive", ErrFormat)
	}
	return a, nil
}

// next goes to the next member and returns its name; io.EOF after the last.
func (a *arReader) next() (name string, err error) {
	if err := a.skip(); err != nil {
		return "", err
	}
	var h [arHeaderSize]byte
	if _, err := io.ReadFull(a.r, h[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return "", io.EOF
		}
		return "", fmt.Errorf("%w: it ends within a header", ErrFormat)
	}
	if string(h[58:]) != "`\n" {
		return "", fmt.Errorf("%w: a member's header is damaged", ErrFormat)
	}
	size, err := strconv.ParseUint(strings.TrimRight(string(h[48:58]), " "), 10, 63)
	if err != nil {
		return "", fmt.Errorf("%w: a member's size is damaged", ErrFormat)
	}
	a.member = io.LimitedReader{R: a.r, N: int64(size)}
	a.pad = size%2 == 1
	// deb(5): some archivers end a name with a slash.
	return strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/"), nil
}

// skip passes over what is left of the present member.
func (a *arReader) skip() error {
	if _, err := io.Copy(io.Discard, a); err != nil {
		return err
	}
	if a.pad {
		a.pad = false
		if _, err := a.r.Discard(1); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
	}
	return nil
}

// Read reads from the present member. One that ends early gives ErrFormat.
func (a *arReader) Read(p []byte) (int, error) {
	if a.member.N == 0 {
		return 0, io.EOF
	}
	n, err := a.member.Read(p)
	if errors.Is(err, io.EOF) && a.member.N > 0 {
		return n, fmt.Errorf("%w: it is truncated", ErrFormat)
	}
	return n, err
}
