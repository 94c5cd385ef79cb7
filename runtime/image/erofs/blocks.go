// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs

import (
	"bytes"
	"fmt"
	"io"
	"os"
)

// holeSize is the length of zeros, in bytes, from which on nothing is written.
const holeSize = 64 << 10

var zeros [holeSize]byte

// blocks writes the image from front to back and leaves holes for zeros.
type blocks struct {
	file *os.File
	at   int64 // offset in the file of buf[0]
	buf  []byte
	n    int // bytes of buf that are filled
}

func newBlocks(f *os.File) *blocks {
	return &blocks{file: f, at: BlockSize, buf: make([]byte, 1<<20)}
}

// pos is the offset of the next byte.
func (b *blocks) pos() int64 { return b.at + int64(b.n) }

// Write never keeps p.
func (b *blocks) Write(p []byte) (int, error) {
	total := len(p)
	for len(p) > 0 {
		n := copy(b.buf[b.n:], p)
		b.n += n
		p = p[n:]
		if b.n == len(b.buf) {
			if err := b.flush(); err != nil {
				return 0, err
			}
		}
	}
	return total, nil
}

// readFrom takes exactly n bytes from r.
func (b *blocks) readFrom(r io.Reader, n int64) error {
	for n > 0 {
		room := b.buf[b.n:]
		if int64(len(room)) > n {
			room = room[:n]
		}
		m, err := io.ReadAtLeast(r, room, 1)
		b.n += m
		n -= int64(m)
		if b.n == len(b.buf) {
			if err := b.flush(); err != nil {
				return err
			}
		}
		if err != nil && n > 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// pad adds zeros up to the offset.
func (b *blocks) pad(to int64) error {
	for b.pos() < to {
		n := min(to-b.pos(), int64(len(zeros)))
		if _, err := b.Write(zeros[:n]); err != nil {
			return err
		}
	}
	return nil
}

// align adds zeros up to the next block.
func (b *blocks) align() error {
	return b.pad((b.pos() + BlockSize - 1) &^ (BlockSize - 1))
}

func (b *blocks) flush() error {
	p := b.buf[:b.n]
	for len(p) > 0 {
		zero, data := zeroRun(p), 0
		for data < len(p)-zero && zeroRun(p[zero+data:]) == 0 {
			data += min(holeSize, len(p)-zero-data)
		}
		if data > 0 {
			if _, err := b.file.WriteAt(p[zero:zero+data], b.at+int64(zero)); err != nil {
				return fmt.Errorf("writing image: %w", err)
			}
		}
		b.at += int64(zero + data)
		p = p[zero+data:]
	}
	b.n = 0
	return nil
}

// zeroRun returns how many bytes at the front of p are zeros, in steps of holeSize.
func zeroRun(p []byte) int {
	n := 0
	for n < len(p) {
		step := min(holeSize, len(p)-n)
		if !bytes.Equal(p[n:n+step], zeros[:step]) {
			break
		}
		n += step
	}
	return n
}

// finish writes what is left and sets the file's length.
func (b *blocks) finish() error {
	if err := b.flush(); err != nil {
		return err
	}
	if err := b.file.Truncate(b.at); err != nil {
		return fmt.Errorf("writing image: %w", err)
	}
	return nil
}
