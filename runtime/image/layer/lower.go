// SPDX-License-Identifier: MIT OR Apache-2.0

package layer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"

	goerofs "github.com/erofs/go-erofs"

	"arcbox.dev/runtime/image/erofs"
)

// Lower is the union of the layers below one, as overlayfs would show it.
type Lower struct {
	files  []*os.File
	layers []fs.FS // the topmost first
	spent  int     // components looked up so far
}

// maxSpent bounds the components that are looked up in the layers below one, some
// tens of seconds' worth. Sensible layers ask for a few thousand.
const maxSpent = 20 << 20

// opaqueXattr marks a directory that hides what is below it.
const opaqueXattr = "trusted.overlay.opaque"

// Entry is one file of a Lower.
type Entry struct {
	erofs.Attr
	Xattrs []erofs.Xattr
	Target string // of a symbolic link
	Size   int64  // bytes of contents of a regular file

	layer fs.FS
	path  string
}

// OpenLower opens the images of the layers below, the lowest first. The caller
// closes it.
func OpenLower(images []string) (*Lower, error) {
	l := &Lower{}
	for _, name := range images {
		f, err := os.Open(name)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("opening layer: %w", err)
		}
		l.files = append(l.files, f)
		image, err := goerofs.Open(f)
		if err != nil {
			l.Close()
			return nil, fmt.Errorf("opening layer %s: %w", name, err)
		}
		hides, err := opaque(image, ".")
		if err != nil {
			l.Close()
			return nil, err
		}
		if hides {
			l.layers = nil
		}
		l.layers = append([]fs.FS{image}, l.layers...)
	}
	return l, nil
}

// Close closes the images.
func (l *Lower) Close() error {
	var errs []error
	for _, f := range l.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// Lookup returns what lies at the path, or nil. Everything on the way must be a
// directory: symbolic links are the caller's to follow, in its own view.
func (l *Lower) Lookup(parts []string) (*Entry, error) {
	layers := l.layers
	for i := range parts {
		// Each look-up walks its whole path.
		if l.spent += (i + 1) * len(layers); l.spent > maxSpent {
			return nil, invalid("layer asks too much of the layers below it")
		}
		found, dir, err := step(layers, path.Join(parts[:i+1]...))
		if err != nil || len(found) == 0 {
			return nil, err
		}
		if !dir && i < len(parts)-1 {
			return nil, nil
		}
		layers = found
	}
	if len(layers) == 0 {
		return nil, nil
	}
	return newEntry(layers[0], path.Join(parts...))
}

// step returns those of the layers that make up what the union shows under the
// name: several for a directory, one for anything else, or none.
func step(layers []fs.FS, name string) (found []fs.FS, dir bool, err error) {
	for _, layer := range layers {
		info, err := fs.Lstat(layer, name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, false, fmt.Errorf("reading layer: %w", err)
		}
		stat := info.Sys().(*goerofs.Stat)
		if !info.IsDir() {
			whiteout := info.Mode()&fs.ModeCharDevice != 0 && stat.Rdev == 0
			if len(found) == 0 && !whiteout {
				return []fs.FS{layer}, false, nil
			}
			return found, true, nil // which hides the rest
		}
		found = append(found, layer)
		if stat.Xattrs[opaqueXattr] == "y" {
			break
		}
	}
	return found, true, nil
}

// opaque says whether a directory hides what is below it.
func opaque(layer fs.FS, name string) (bool, error) {
	info, err := fs.Lstat(layer, name)
	if err != nil {
		return false, fmt.Errorf("reading layer: %w", err)
	}
	return info.Sys().(*goerofs.Stat).Xattrs[opaqueXattr] == "y", nil
}

// typeBits translate Go's file types.
var typeBits = map[fs.FileMode]uint16{
	0:                                 erofs.TypeRegular,
	fs.ModeDir:                        erofs.TypeDir,
	fs.ModeSymlink:                    erofs.TypeSymlink,
	fs.ModeDevice:                     erofs.TypeBlock,
	fs.ModeDevice | fs.ModeCharDevice: erofs.TypeChar,
	fs.ModeNamedPipe:                  erofs.TypeFIFO,
	fs.ModeSocket:                     erofs.TypeSocket,
}

// unixMode translates Go's mode.
func unixMode(m fs.FileMode) uint16 {
	mode := typeBits[m.Type()] | uint16(m.Perm())
	if m&fs.ModeSetuid != 0 {
		mode |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		mode |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		mode |= 0o1000
	}
	return mode
}

func newEntry(layer fs.FS, name string) (*Entry, error) {
	info, err := fs.Lstat(layer, name)
	if err != nil {
		return nil, fmt.Errorf("reading layer: %w", err)
	}
	stat := info.Sys().(*goerofs.Stat)
	e := &Entry{layer: layer, path: name, Size: info.Size(), Attr: erofs.Attr{
		Mode:      unixMode(stat.Mode), // info.Mode lacks the sticky bit
		UID:       stat.UID,
		GID:       stat.GID,
		Rdev:      stat.Rdev,
		Mtime:     int64(stat.Mtime),
		MtimeNsec: stat.MtimeNs,
	}}
	for name, value := range stat.Xattrs {
		name = strings.TrimSuffix(name, ".") // the library's ACL names end so
		if erofs.KnownXattr(name) && !strings.HasPrefix(name, overlayXattr) {
			e.Xattrs = append(e.Xattrs, erofs.Xattr{Name: name, Value: value})
		}
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		if e.Target, err = fs.ReadLink(layer, name); err != nil {
			return nil, fmt.Errorf("reading layer: %w", err)
		}
	}
	return e, nil
}

// Open returns the contents of a regular file. The caller closes them.
func (e *Entry) Open() (io.ReadCloser, error) {
	f, err := e.layer.Open(e.path)
	if err != nil {
		return nil, fmt.Errorf("reading layer: %w", err)
	}
	return f, nil
}
