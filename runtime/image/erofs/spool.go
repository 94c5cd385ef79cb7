// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import (
	"bufio"
	"fmt"
	"io"
	"os"
)

// spool keeps, in a temporary file, what must wait for the metadata: tails of
// files and extended attributes. It is written first and read afterwards.
type spool struct {
	file *os.File
	buf  *bufio.Writer
	size int64
}

func newSpool(f *os.File) *spool {
	return &spool{file: f, buf: bufio.NewWriterSize(f, 64<<10)}
}

// append stores p and returns where.
func (s *spool) append(p []byte) (int64, error) {
	at := s.size
	n, err := s.buf.Write(p)
	s.size += int64(n)
	if err != nil {
		return 0, fmt.Errorf("writing temporary file: %w", err)
	}
	return at, nil
}

// read fills p from offset at. Everything was flushed before.
func (s *spool) read(p []byte, at int64) error {
	if _, err := io.ReadFull(io.NewSectionReader(s.file, at, int64(len(p))), p); err != nil {
		return fmt.Errorf("reading temporary file: %w", err)
	}
	return nil
}
