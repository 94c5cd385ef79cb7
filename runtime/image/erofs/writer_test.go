// SPDX-License-Identifier: MIT OR Apache-2.0

package erofs_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/erofs"
	"arcbox.dev/runtime/image/erofs/erofstest"
)

func TestMain(m *testing.M) { os.Exit(erofstest.Main(m)) }

// builder makes an image and, beside it, what reading the image must show.
type builder struct {
	t     testing.TB
	out   string
	file  *os.File
	w     *erofs.Writer
	root  *erofs.Node
	nodes map[string]*erofs.Node
	want  erofstest.Tree
}

func newBuilder(t testing.TB) *builder {
	dir := t.TempDir()
	out, err := os.Create(filepath.Join(dir, "image"))
	require.NoError(t, err)
	temporary, err := os.Create(filepath.Join(dir, "temporary"))
	require.NoError(t, err)
	t.Cleanup(func() { out.Close(); temporary.Close() })
	b := &builder{t: t, out: out.Name(), file: out, w: erofs.NewWriter(out, temporary), nodes: map[string]*erofs.Node{}, want: erofstest.Tree{}}
	b.root = b.add(".", erofs.Attr{Mode: erofs.TypeDir | 0o755, Mtime: 1})
	return b
}

// add makes a node and gives it a name, unless that is the root's.
func (b *builder) add(name string, a erofs.Attr, xattrs ...erofs.Xattr) *erofs.Node {
	b.t.Helper()
	n, err := b.w.Node(a, xattrs...)
	require.NoError(b.t, err)
	f := erofstest.File{Mode: uint32(a.Mode), UID: a.UID, GID: a.GID, Mtime: fmt.Sprintf("%d.%09d", a.Mtime, a.MtimeNsec), Same: name}
	if t := n.Type(); t == erofs.TypeChar || t == erofs.TypeBlock {
		f.Rdev = fmt.Sprintf("%d:%d", a.Rdev>>8&0xfff, a.Rdev&0xff|a.Rdev>>12&0xfff00)
	}
	for _, x := range xattrs {
		if f.Xattrs == nil {
			f.Xattrs = map[string]string{}
		}
		f.Xattrs[x.Name] = x.Value
	}
	if !n.IsDir() {
		f.Nlink = 1
	}
	if name != "." {
		b.nodes[path.Dir(name)].Put(path.Base(name), n)
	}
	b.nodes[name], b.want[name] = n, f
	return n
}

func (b *builder) dir(name string) *erofs.Node {
	return b.add(name, erofs.Attr{Mode: erofs.TypeDir | 0o755})
}

func (b *builder) contents(name string, data []byte) {
	b.t.Helper()
	require.NoError(b.t, b.w.SetContents(b.nodes[name], bytes.NewReader(data), int64(len(data))))
	f := b.want[name]
	f.Size, f.Sum = int64(len(data)), erofstest.Sum(data)
	b.want[name] = f
}

func (b *builder) regular(name string, data []byte, xattrs ...erofs.Xattr) {
	b.t.Helper()
	b.add(name, erofs.Attr{Mode: erofs.TypeRegular | 0o644}, xattrs...)
	b.contents(name, data)
}

func (b *builder) symlink(name, target string, xattrs ...erofs.Xattr) {
	b.t.Helper()
	require.NoError(b.t, b.w.SetTarget(b.add(name, erofs.Attr{Mode: erofs.TypeSymlink | 0o777}, xattrs...), target))
	f := b.want[name]
	f.Size, f.Target = int64(len(target)), target
	b.want[name] = f
}

// link gives old, which sorts first, one more name.
func (b *builder) link(old, name string) {
	b.nodes[path.Dir(name)].Put(path.Base(name), b.nodes[old])
	f := b.want[old]
	f.Nlink++
	for p, other := range b.want {
		if other.Same == old {
			b.want[p] = f
		}
	}
	b.want[name] = f
}

// check completes the image and reads it.
func (b *builder) check() int64 {
	b.t.Helper()
	size, err := b.w.Finish(b.root, [16]byte{1, 2, 3})
	require.NoError(b.t, err)
	info, err := b.file.Stat()
	require.NoError(b.t, err)
	require.Equal(b.t, info.Size(), size)
	require.Zero(b.t, size%erofs.BlockSize)
	erofstest.Equal(b.t, b.want, erofstest.Read(b.t, b.out))
	return size
}

// noise returns n bytes that hold no long runs of zeros.
func noise(n int) []byte {
	data := make([]byte, n)
	rand.NewChaCha8([32]byte{byte(n), byte(n >> 8)}).Read(data)
	return data
}

func TestEveryKindOfFile(t *testing.T) {
	b := newBuilder(t)
	b.regular("empty", nil)
	b.regular("small", []byte("small"))
	b.regular("large", noise(3<<20+17))
	b.add("setuid", erofs.Attr{Mode: erofs.TypeRegular | 0o6755, UID: math.MaxUint32 - 1, GID: 70000, Mtime: -5, MtimeNsec: 999999999})
	b.contents("setuid", []byte("x"))
	b.add("tmp", erofs.Attr{Mode: erofs.TypeDir | 0o1777, Mtime: 1 << 40})
	b.symlink("tmp/link", "../small")
	b.symlink("tmp/long", strings.Repeat("l", erofs.MaxTarget))
	b.symlink("tmp/attr", "x", erofs.Xattr{Name: "trusted.x", Value: strings.Repeat("v", 5000)})
	b.add("tmp/fifo", erofs.Attr{Mode: erofs.TypeFIFO | 0o600})
	b.add("tmp/socket", erofs.Attr{Mode: erofs.TypeSocket | 0o600})
	for _, d := range []struct{ major, minor int64 }{{0, 0}, {1, 3}, {4095, 1048575}, {8, 256}, {259, 255}} {
		rdev, ok := erofs.Rdev(d.major, d.minor)
		require.True(t, ok)
		name := fmt.Sprintf("tmp/%d-%d", d.major, d.minor)
		b.add(name+"-c", erofs.Attr{Mode: erofs.TypeChar | 0o666, Rdev: rdev})
		b.add(name+"-b", erofs.Attr{Mode: erofs.TypeBlock | 0o660, Rdev: rdev})
	}
	b.regular("hard", noise(10000))
	b.link("hard", "tmp/hard")
	b.link("hard", "tmp/hard2")
	b.link("tmp/fifo", "tmp/fifo2")
	b.check()
}

// The sizes at which contents move between inode, tail and blocks, alone and with
// attributes of sizes that push them about.
func TestSizes(t *testing.T) {
	b := newBuilder(t)
	for _, attrs := range []int{-1, 0, 1, 3000, 3980, 4000, 4016, 4017, 5000, 8150, 65535} {
		dir := fmt.Sprintf("d%d", attrs)
		b.dir(dir)
		for _, size := range []int{0, 1, 15, 31, 32, 33, 1000, 4015, 4016, 4017, 4031, 4032, 4033, 4095, 4096, 4097, 8127, 8128, 8129, 8192} {
			var x []erofs.Xattr
			if attrs >= 0 {
				x = []erofs.Xattr{{Name: "user.a", Value: string(noise(attrs))}}
			}
			b.regular(fmt.Sprintf("%s/%d", dir, size), noise(size), x...)
			if size > 0 && size <= erofs.MaxTarget {
				x := []erofs.Xattr{{Name: "trusted.a", Value: string(noise(max(attrs, 0)))}}
				b.symlink(fmt.Sprintf("%s/l%d", dir, size), strings.Repeat("t", size), x...)
			}
		}
	}
	b.check()
}

func TestDirectories(t *testing.T) {
	for _, count := range []int{0, 1, 2, 100, 255, 256, 1000, 6000} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			b := newBuilder(t)
			b.add("d", erofs.Attr{Mode: erofs.TypeDir | 0o755}, erofs.Xattr{Name: "user.pad", Value: string(noise(count % 4000))})
			for i := range count {
				b.add(fmt.Sprintf("d/%d%s", i, strings.Repeat("n", i%250)), erofs.Attr{Mode: erofs.TypeFIFO})
			}
			b.check()
		})
	}
}

// Names sort by their bytes, also beside "." and "..".
func TestNames(t *testing.T) {
	b := newBuilder(t)
	for _, name := range []string{"!", "-", "...", "..a", ".a", "\x01", "\xff\xfe", "ä", "a b", "a\nb", "\\", strings.Repeat("m", erofs.MaxName), "a", "aa", "a.", "a/b"} {
		b.dir(name)
	}
	b.check()
}

// A directory's blocks are packed to the byte.
func TestDirectoryBlockBoundary(t *testing.T) {
	for spare := -2; spare <= 14; spare++ {
		t.Run(fmt.Sprint(spare), func(t *testing.T) {
			b := newBuilder(t)
			b.dir("d")
			left := erofs.BlockSize - (12 + 1) - (12 + 2) - spare
			for i := 0; left > 0; i++ {
				n := min(left-12, 200)
				if left-12-n > 0 && left-12-n < 13+12 {
					n -= 40 // room for a last name
				}
				b.add("d/"+strings.Repeat("n", n-4)+fmt.Sprintf("%04d", i), erofs.Attr{Mode: erofs.TypeFIFO})
				left -= 12 + n
			}
			b.check()
		})
	}
}

func TestDeepTree(t *testing.T) {
	b := newBuilder(t)
	name := "d"
	for range 1000 {
		b.dir(name)
		name += "/d"
	}
	b.regular(name, []byte("deep"))
	b.check()
}

func TestXattrs(t *testing.T) {
	b := newBuilder(t)
	capability := "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	acl := "\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x04\x00\x04\x00\xff\xff\xff\xff\x20\x00\x04\x00\xff\xff\xff\xff"
	b.regular("all", []byte("x"),
		erofs.Xattr{Name: "user.one", Value: "1"}, erofs.Xattr{Name: "user.empty", Value: ""},
		erofs.Xattr{Name: "security.capability", Value: capability}, erofs.Xattr{Name: "trusted.t", Value: "\x00\xff"},
		erofs.Xattr{Name: "system.posix_acl_access", Value: acl})
	b.add("dir", erofs.Attr{Mode: erofs.TypeDir | 0o755}, erofs.Xattr{Name: "system.posix_acl_default", Value: acl})
	// Linux lists at most 64 KiB of names (xattr(7)).
	var many []erofs.Xattr
	for i := range 200 {
		many = append(many, erofs.Xattr{Name: fmt.Sprintf("user.%s%d", strings.Repeat("n", 240), i), Value: string(noise(i * 5))})
	}
	b.regular("many", noise(5000), many...)
	b.regular("longest", nil, erofs.Xattr{Name: "user." + strings.Repeat("n", 250), Value: string(noise(65535))})
	b.nodes["dir"].Opaque = true
	f := b.want["dir"]
	f.Xattrs["trusted.overlay.opaque"] = "y"
	b.check()
}

// Many nodes that do not fill their blocks must not waste much.
func TestPacking(t *testing.T) {
	b := newBuilder(t)
	total := 0
	for i := range 2000 {
		size := rand.New(rand.NewPCG(1, uint64(i))).IntN(4032)
		b.regular(fmt.Sprint(i), noise(size))
		total += 64 + size
	}
	if size := b.check(); size > int64(total)*106/100 {
		t.Errorf("image of %d bytes for %d bytes of nodes", size, total)
	}
}

func TestHoles(t *testing.T) {
	b := newBuilder(t)
	const size = 64 << 20
	data := make([]byte, size)
	copy(data[10<<20:], noise(100))
	data[size-1] = 1
	b.regular("sparse", data)
	b.regular("zeros", make([]byte, 8<<20))
	b.check()
	info, err := b.file.Stat()
	require.NoError(t, err)
	if used := info.Sys().(*syscall.Stat_t).Blocks * 512; used > 1<<20 {
		t.Errorf("image of %d bytes uses %d bytes of disk for two pieces of data", info.Size(), used)
	}
}

func TestDeterminism(t *testing.T) {
	var images [2][]byte
	for i := range images {
		b := newBuilder(t)
		b.dir("d")
		for n := range 300 {
			b.regular(fmt.Sprintf("d/%d", n), noise(n*13), erofs.Xattr{Name: "user.a", Value: "1"}, erofs.Xattr{Name: "trusted.b", Value: "2"})
		}
		b.check()
		var err error
		images[i], err = os.ReadFile(b.out)
		require.NoError(t, err)
	}
	require.True(t, bytes.Equal(images[0], images[1]))
}

func TestRefusals(t *testing.T) {
	b := newBuilder(t)
	node := func(a erofs.Attr, x ...erofs.Xattr) error { _, err := b.w.Node(a, x...); return err }
	regular := erofs.Attr{Mode: erofs.TypeRegular}
	target := func(s string) error { return b.w.SetTarget(b.add("l", erofs.Attr{Mode: erofs.TypeSymlink}), s) }
	many := make([]erofs.Xattr, 5)
	for i := range many {
		many[i] = erofs.Xattr{Name: fmt.Sprintf("user.%d", i), Value: string(make([]byte, 60000))}
	}
	for name, err := range map[string]error{
		"no type":              node(erofs.Attr{Mode: 0o644}),
		"nanoseconds":          node(erofs.Attr{Mode: erofs.TypeRegular, MtimeNsec: 1e9}),
		"namespace":            node(regular, erofs.Xattr{Name: "com.apple.x"}),
		"bare namespace":       node(regular, erofs.Xattr{Name: "user."}),
		"beyond a whole name":  node(regular, erofs.Xattr{Name: "system.posix_acl_access.x"}),
		"attribute name":       node(regular, erofs.Xattr{Name: "user." + strings.Repeat("n", 256)}),
		"attribute value":      node(regular, erofs.Xattr{Name: "user.x", Value: string(make([]byte, 65536))}),
		"attributes in all":    node(regular, many...),
		"empty target":         target(""),
		"long target":          target(strings.Repeat("t", erofs.MaxTarget+1)),
		"target with zero":     target("a\x00b"),
		"negative size":        b.w.SetContents(b.add("f", regular), nil, -1),
		"endless size":         b.w.SetContents(b.add("f", regular), nil, math.MaxInt64),
		"more than the format": b.w.SetContents(b.add("f", regular), nil, 20<<40),
	} {
		if !errors.Is(err, errdefs.ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		}
	}
	_, err := b.w.Finish(b.add("file", regular), [16]byte{})
	require.Error(t, err)
	for _, size := range []int64{1, 4096, 5000, 1 << 21} {
		err := b.w.SetContents(b.add("f", regular), io.LimitReader(bytes.NewReader(make([]byte, 1<<21)), size-1), size)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

func TestRdev(t *testing.T) {
	for _, d := range [][2]int64{{-1, 0}, {0, -1}, {4096, 0}, {0, 1 << 20}} {
		if _, ok := erofs.Rdev(d[0], d[1]); ok {
			t.Errorf("device %d:%d was taken", d[0], d[1])
		}
	}
}

// Random trees read as they were made. The bytes choose.
func FuzzWriter(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("dfslxhdfslxhddddffff"))
	f.Add(noise(400))
	f.Fuzz(func(t *testing.T, choices []byte) {
		if len(choices) > 200 {
			return
		}
		b := newBuilder(t)
		dirs, files := []string{"."}, []string{}
		for i, c := range choices {
			name := path.Join(dirs[int(c)%len(dirs)], fmt.Sprintf("%05d%s", i, strings.Repeat("n", int(c)%200)))
			var x []erofs.Xattr
			if c%3 == 0 {
				x = []erofs.Xattr{{Name: "trusted.x", Value: string(noise(int(c) * 40))}}
			}
			switch c % 5 {
			case 0:
				b.add(name, erofs.Attr{Mode: erofs.TypeDir | 0o700, Mtime: int64(c)}, x...)
				dirs = append(dirs, name)
			case 1:
				b.regular(name, noise(int(c)*int(c)), x...)
				files = append(files, name)
			case 2:
				b.symlink(name, strings.Repeat("t", 1+int(c)*15), x...)
			case 3:
				b.add(name, erofs.Attr{Mode: erofs.TypeChar | 0o600, Rdev: uint32(c)}, x...)
			case 4:
				if len(files) > 0 {
					b.regular(name, nil)
				}
			}
		}
		_, err := b.w.Finish(b.root, [16]byte{})
		require.NoError(t, err)
		erofstest.Equal(t, b.want, erofstest.Library(t, b.out))
	})
}
