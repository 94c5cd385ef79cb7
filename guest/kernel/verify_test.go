// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"bytes"
	"debug/elf"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/kernel/kerneltest"
)

// foreign is a kernel for an architecture on which no test runs.
func foreign() []byte {
	return kerneltest.Image{Machine: elf.EM_S390, Type: elf.ET_EXEC, Address: kerneltest.ProcessSpace, Content: kerneltest.Banner("6.1")}.Bytes()
}

func TestCheckELF(t *testing.T) {
	process := kerneltest.UML("6.1")
	damaged := func(at int, with ...byte) []byte {
		b := bytes.Clone(process)
		copy(b[at:], with)
		return b
	}
	for _, tc := range []struct {
		name  string
		image []byte
		vm    bool
		want  error
	}{
		{name: "process", image: process},
		{name: "kernel for a VM", image: kerneltest.Vmlinux("6.1"), vm: true},
		{name: "process for a VM", image: process, vm: true, want: errFormat},
		{name: "kernel for a VM as a process", image: kerneltest.Vmlinux("6.1"), want: errFormat},
		{name: "empty", want: errTruncated},
		{name: "no ELF", image: make([]byte, 100), want: errFormat},
		{name: "32 bits", image: damaged(elf.EI_CLASS, byte(elf.ELFCLASS32)), want: errArch},
		{name: "big endian", image: damaged(elf.EI_DATA, byte(elf.ELFDATA2MSB)), want: errArch},
		{name: "another machine", image: foreign(), want: errArch},
		{name: "a module", image: kerneltest.Module("name=a"), want: errFormat},
		{name: "no segments", image: damaged(56, 0, 0), want: errFormat},
		{name: "65535 segments", image: damaged(56, 0xff, 0xff), want: errFormat},
		{name: "65535 sections", image: damaged(60, 0xff, 0xff), want: errFormat},
		{name: "segments at 2^64-1", image: damaged(32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), want: errTruncated},
		{name: "sections at 2^64-1", image: damaged(40, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), want: errTruncated},
		{name: "a segment of 2^63 bytes", image: damaged(64+32+7, 0x80), want: errTruncated},
		{name: "a segment at 2^63", image: damaged(64+8+7, 0x80), want: errTruncated},
		{name: "nothing to load", image: damaged(64, 4), want: errFormat},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := checkELF(bytes.NewReader(tc.image), int64(len(tc.image)), tc.vm)
			require.ErrorIs(t, err, tc.want)
		})
	}
	for n := range process {
		err := checkELF(bytes.NewReader(process[:n]), int64(n), false)
		require.ErrorIs(t, err, errTruncated, "%d of %d bytes", n, len(process))
	}
}

func TestFindRelease(t *testing.T) {
	for _, tc := range []struct{ name, data, want string }{
		{"plain", "xLinux version 6.1.176 (buildd@x) #1", "6.1.176"},
		{"behind the format string", "Linux version %s (%s)\x00Linux version 6.12.1+deb (x", "6.12.1+deb"},
		{"nothing", "Linux 6.1", ""},
		{"cut off", "Linux version 6.1", ""},
		{"a path", "Linux version 6/../../etc (", ""},
		{"too long", "Linux version 6" + string(bytes.Repeat([]byte("1"), 70)) + " (", ""},
		{"no number", "Linux version next (", ""},
		{"a control character", "Linux version 6.\x1b[2J (", ""},
	} {
		t.Run(tc.name, func(t *testing.T) { require.Equal(t, tc.want, findRelease([]byte(tc.data))) })
	}
}

func TestReadContentAcrossWindows(t *testing.T) {
	const window = 256 << 10
	for at := window - 200; at < window+200; at++ {
		data := make([]byte, 2*window+17)
		copy(data[at:], "Linux version 6.1.176 (x")
		c, err := readContent(bytes.NewReader(data))
		require.NoError(t, err)
		require.Equal(t, content{digest: sha(data), release: "6.1.176"}, c, "at %d", at)
	}
	bad := errors.New("disk on fire")
	_, err := readContent(&failingReader{bad})
	require.ErrorIs(t, err, bad)
}

type failingReader struct{ err error }

func (f *failingReader) Read([]byte) (int, error) { return 0, f.err }

// age makes the file's stamp one that is believed: nothing but waiting does, since
// no system call sets the change time.
func age(t *testing.T, path string) {
	t.Helper()
	require.Eventually(t, func() bool {
		s, err := os.Stat(path)
		return err == nil && time.Since(s.ModTime()) > 1100*time.Millisecond
	}, 3*time.Second, 50*time.Millisecond)
}

func TestRemembers(t *testing.T) {
	h := newHost(t)
	h.packaged("6.1.1")
	path := filepath.Join(h.root, "usr/bin/linux.uml")
	seals := filepath.Join(h.opts.CacheDir, "seals")

	_, err := Find(h.opts)
	require.NoError(t, err)
	require.NoDirExists(t, seals, "a file changed just now may change again without a trace")

	age(t, path)
	first, err := Find(h.opts)
	require.NoError(t, err)
	entries, err := os.ReadDir(seals)
	require.NoError(t, err)
	require.Len(t, entries, 1)

	// What is remembered is used: a digest written into the seal comes back.
	seal := filepath.Join(seals, entries[0].Name())
	data, err := os.ReadFile(seal)
	require.NoError(t, err)
	fake := sha([]byte("fake"))
	require.NoError(t, os.WriteFile(seal, bytes.ReplaceAll(data, []byte(first.Digest), []byte(fake)), 0o600))
	k, err := Find(h.opts)
	require.NoError(t, err)
	require.Equal(t, fake, k.Digest)

	// A damaged seal is not believed.
	for _, bad := range []string{"", "{", "null", `{"sha256":"x"}`, string(bytes.Repeat([]byte("["), 100000))} {
		require.NoError(t, os.WriteFile(seal, []byte(bad), 0o600))
		k, err = Find(h.opts)
		require.NoError(t, err)
		require.Equal(t, first.Digest, k.Digest)
	}

	// A change to the image shows, even with its size and modification time kept.
	info, err := os.Stat(path)
	require.NoError(t, err)
	image := kerneltest.UML("6.1.1")
	image[len(image)/2] ^= 0x20
	require.NoError(t, os.WriteFile(path, image, 0o755))
	require.NoError(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	k, err = Find(h.opts)
	require.NoError(t, err)
	require.Equal(t, sha(image), k.Digest)
}

func TestConcurrentFinders(t *testing.T) {
	h := newHost(t)
	h.env["ARCBOX_KERNEL"] = h.write("linux", kerneltest.UML("6.12.0"), 0o755)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 20 {
				k, err := Find(h.opts)
				if err != nil {
					t.Error(err)
					return
				}
				if data, err := os.ReadFile(k.Path); err != nil || sha(data) != k.Digest {
					t.Errorf("the kernel is not whole: %v", err)
				}
			}
		})
	}
	wg.Wait()
	leftovers, err := filepath.Glob(filepath.Join(h.opts.CacheDir, "*", ".tmp-*"))
	require.NoError(t, err)
	require.Empty(t, leftovers)
}

func BenchmarkFind(b *testing.B) {
	if _, err := os.Stat("/usr/bin/linux.uml"); err != nil {
		b.Skip("user-mode-linux is not installed")
	}
	opts := Options{Flavour: UML, Origin: Packaged, CacheDir: b.TempDir()}
	for b.Loop() {
		if _, err := Find(opts); err != nil {
			b.Fatal(err)
		}
	}
}
