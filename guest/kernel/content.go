// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
)

// content is what reading an image from end to end tells.
type content struct {
	digest  string // sha256, in hexadecimal
	release string // by the kernel's banner; empty without one
}

// banner is how Linux introduces itself; its release follows, and then " (".
const banner = "Linux version "

// maxRelease bounds a release, in bytes: __NEW_UTS_LEN of the kernel.
const maxRelease = 64

// overlap is how much of one window is seen again in the next, so that nothing
// that is looked for is cut in two.
const overlap = len(banner) + maxRelease + len(" (")

// readContent reads r to its end.
func readContent(r io.Reader) (content, error) {
	var c content
	h := sha256.New()
	buf := make([]byte, overlap+256<<10)
	kept := 0
	for {
		n, err := io.ReadFull(r, buf[kept:])
		h.Write(buf[kept : kept+n])
		window := buf[:kept+n]
		if c.release == "" {
			c.release = findRelease(window)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			c.digest = hex.EncodeToString(h.Sum(nil))
			return c, nil
		}
		if err != nil {
			return content{}, err
		}
		kept = copy(buf, window[len(window)-overlap:])
	}
}

// findRelease returns the release in the first complete banner, or "". The format
// string of the banner, which a kernel also has, is passed over.
func findRelease(data []byte) string {
	for {
		i := bytes.Index(data, []byte(banner))
		if i < 0 {
			return ""
		}
		data = data[i+len(banner):]
		release, _, ok := bytes.Cut(data[:min(len(data), maxRelease+2)], []byte(" ("))
		if ok && isRelease(string(release)) {
			return string(release)
		}
	}
}

// isRelease says whether s can be the release of a kernel: it names a folder, and
// is shown to users.
func isRelease(s string) bool {
	if s == "" || len(s) > maxRelease || s[0] < '0' || s[0] > '9' {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 0x7f || c == '/' {
			return false
		}
	}
	return true
}
