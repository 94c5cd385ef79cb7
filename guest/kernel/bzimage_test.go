// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build amd64

package kernel

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
	"github.com/ulikunitz/xz"

	"arcbox.dev/guest/kernel/kerneltest"
)

func TestReadBzImage(t *testing.T) {
	whole := kerneltest.BzImage("6.1.0-cloud", []byte("payload"))
	damaged := func(at int, with ...byte) []byte {
		b := bytes.Clone(whole)
		copy(b[at:], with)
		return b
	}
	for _, tc := range []struct {
		name  string
		image []byte
		want  error
	}{
		{"whole", whole, nil},
		{"empty", nil, errTruncated},
		{"no header", make([]byte, 4096), errFormat},
		{"boot flag", damaged(bzBootFlag, 0), errFormat},
		{"32 bits only", damaged(bzXLoadFlags, 0), errArch},
		{"old protocol", damaged(bzVersion, 0x0b, 0x02), errArch},
		{"huge", damaged(bzSysSize, 0xff, 0xff, 0xff, 0xff), errTruncated},
		{"payload far away", damaged(bzPayloadOffset, 0xff, 0xff, 0xff, 0xff), errTruncated},
		{"payload too long", damaged(bzPayloadLength, 0xff, 0xff, 0xff, 0xff), errTruncated},
		{"no version", damaged(bzKernelVersion, 0xff, 0xff), errFormat},
		{"version with a path", damaged(0x300, '6', '/', '.'), errFormat},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b, err := readBzImage(bytes.NewReader(tc.image), int64(len(tc.image)))
			require.ErrorIs(t, err, tc.want)
			if tc.want == nil {
				require.Equal(t, "6.1.0-cloud", b.release)
			}
		})
	}
	for n := range whole {
		_, err := readBzImage(bytes.NewReader(whole[:n]), int64(n))
		require.ErrorIs(t, err, errTruncated, "%d of %d bytes", n, len(whole))
	}
}

// pack returns a payload as the kernel's build makes it.
func pack(t *testing.T, image []byte, sized bool, newWriter func(io.Writer) io.WriteCloser) []byte {
	t.Helper()
	var b bytes.Buffer
	w := newWriter(&b)
	_, err := w.Write(image)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	if sized {
		require.NoError(t, binary.Write(&b, binary.LittleEndian, uint32(len(image))))
	}
	return b.Bytes()
}

func TestUncompressed(t *testing.T) {
	vmlinux := kerneltest.Vmlinux("6.1.0-cloud")
	payloads := map[string][]byte{
		"gzip": pack(t, vmlinux, false, func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) }),
		"zstd": pack(t, vmlinux, true, func(w io.Writer) io.WriteCloser { z, _ := zstd.NewWriter(w); return z }),
		"xz":   pack(t, vmlinux, true, func(w io.Writer) io.WriteCloser { z, _ := xz.NewWriter(w); return z }),
		"lz4": pack(t, vmlinux, true, func(w io.Writer) io.WriteCloser {
			z := lz4.NewWriter(w)
			require.NoError(t, z.Apply(lz4.LegacyOption(true)))
			return z
		}),
	}
	cloud := func(t *testing.T, image []byte) Kernel {
		h := newHost(t)
		h.opts.Flavour = VM
		h.write("config/vmlinuz", image, 0o644)
		h.write("config/"+ManifestName, manifestOf(t, Entry{Flavour: VM, Arch: runtime.GOARCH, Path: "vmlinuz", SHA256: sha(image)}), 0o644)
		k, err := Find(h.opts)
		require.NoError(t, err)
		require.Equal(t, "6.1.0-cloud", k.Release)
		return k
	}
	for name, payload := range payloads {
		t.Run(name, func(t *testing.T) {
			k := cloud(t, kerneltest.BzImage("6.1.0-cloud", payload))
			path, err := k.Uncompressed()
			require.NoError(t, err)
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, vmlinux, got)
			again, err := k.Uncompressed()
			require.NoError(t, err)
			require.Equal(t, path, again)
		})
		t.Run(name+" damaged", func(t *testing.T) {
			for _, at := range []int{0, 7, len(payload) / 2, len(payload) - 1} {
				bad := bytes.Clone(payload)
				bad[at] ^= 0xff
				k := cloud(t, kerneltest.BzImage("6.1.0-cloud", bad))
				path, err := k.Uncompressed()
				if err == nil { // only a checksum's absence lets a change through
					got, err := os.ReadFile(path)
					require.NoError(t, err)
					require.Len(t, got, len(vmlinux))
					continue
				}
				require.ErrorIs(t, err, ErrCorrupt)
				left, err := filepath.Glob(filepath.Join(k.cacheDir, "copies", ".tmp-*"))
				require.NoError(t, err)
				require.Empty(t, left)
			}
		})
	}
	t.Run("already", func(t *testing.T) {
		k := cloud(t, vmlinux)
		path, err := k.Uncompressed()
		require.NoError(t, err)
		require.Equal(t, k.Path, path)
	})
	t.Run("claims 4 GiB", func(t *testing.T) {
		bad := append(bytes.Clone(payloads["lz4"][:len(payloads["lz4"])-4]), 0xff, 0xff, 0xff, 0xff)
		_, err := cloud(t, kerneltest.BzImage("6.1.0-cloud", bad)).Uncompressed()
		require.ErrorContains(t, err, "claims to unpack to 4294967295 bytes")
	})
}

func FuzzBzImage(f *testing.F) {
	whole := kerneltest.BzImage("6.1.0", []byte("\x02\x21\x4c\x18\x01\x00\x00\x00x\x01\x00\x00\x00"))
	f.Add(whole)
	f.Add(whole[:bzHeaderEnd])
	for _, at := range []int{bzSetupSects, bzSysSize, bzKernelVersion, bzPayloadOffset, bzPayloadLength} {
		bad := bytes.Clone(whole)
		copy(bad[at:], "\xff\xff\xff\xff")
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		b, err := readBzImage(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			require.Zero(t, b)
			return
		}
		require.True(t, isRelease(b.release), b.release)
		require.LessOrEqual(t, b.payloadOffset+b.payloadBytes, int64(len(data)))
		if b.payloadBytes > 4 {
			size := int64(binary.LittleEndian.Uint32(data[b.payloadOffset+b.payloadBytes-4:]))
			if size > 1<<20 {
				return // allowed, but slow
			}
		}
		var out bytes.Buffer
		_ = extract(&out, io.NewSectionReader(bytes.NewReader(data), b.payloadOffset, b.payloadBytes))
	})
}
