// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
)

// Manifest lists kernels pinned by digest. A user writes one to bring kernels of
// their own, and each kernel in the cache has one beside it.
type Manifest struct {
	Kernels []Entry `json:"kernels"`
}

// Entry is one kernel of a manifest.
type Entry struct {
	Flavour Flavour `json:"flavour"`
	Arch    string  `json:"arch"`   // as GOARCH
	Path    string  `json:"path"`   // relative to the manifest's folder, or absolute
	SHA256  string  `json:"sha256"` // of the image, in hexadecimal
	// Modules is the folder of the modules, likewise; empty if all are built in.
	Modules string `json:"modules,omitempty"`

	// What follows is written for kernels in the cache, and only told from there.

	Release  string `json:"release,omitempty"`
	Size     int64  `json:"size,omitempty"`     // bytes of the image
	Recipe   string `json:"recipe,omitempty"`   // of a lean kernel: Recipe.Digest
	Source   string `json:"source,omitempty"`   // sha256 of the source archive, or the package's name and version
	Compiler string `json:"compiler,omitempty"` // its version line
}

// ManifestName is a manifest's name in the configuration folder and in the cache.
const ManifestName = "kernels.json"

// maxManifest bounds a manifest, in bytes.
const maxManifest = 1 << 20

// ParseManifest reads a manifest, and refuses one with fields that it does not
// know, kernels without a digest, or anything after its end.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("parsing a kernel manifest: %w", err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return Manifest{}, errors.New("parsing a kernel manifest: there is something after its end")
	}
	for i, e := range m.Kernels {
		if err := e.check(); err != nil {
			return Manifest{}, fmt.Errorf("parsing a kernel manifest: kernel %d: %w", i+1, err)
		}
	}
	return m, nil
}

func (e Entry) check() error {
	if e.Flavour == "" || e.Arch == "" || e.Path == "" {
		return errors.New("it needs a flavour, an arch and a path")
	}
	if sum, err := hex.DecodeString(e.SHA256); err != nil || len(sum) != 32 {
		return errors.New("sha256 needs 64 hexadecimal digits")
	}
	if e.Size < 0 {
		return errors.New("the size is negative")
	}
	return nil
}

// entryFor returns the manifest's first kernel for the flavour and this host's architecture.
func (m Manifest) entryFor(flavour Flavour) (Entry, bool) {
	for _, e := range m.Kernels {
		if e.Flavour == flavour && e.Arch == runtime.GOARCH {
			return e, true
		}
	}
	return Entry{}, false
}

func readManifest(path string) (Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxManifest+1))
	if err != nil {
		return Manifest{}, err
	}
	if len(data) > maxManifest {
		return Manifest{}, fmt.Errorf("parsing a kernel manifest: it is larger than %d bytes", maxManifest)
	}
	return ParseManifest(data)
}

// findListed takes the kernel that the user's manifest lists: the manifest that
// ARCBOX_KERNEL_MANIFEST names, or else kernels.json in the configuration folder.
func findListed(o Options) (Kernel, error) {
	path := o.Getenv("ARCBOX_KERNEL_MANIFEST")
	chosen := path != ""
	if !chosen {
		if o.ConfigDir == "" {
			return Kernel{}, errNone
		}
		path = filepath.Join(o.ConfigDir, ManifestName)
	}
	m, err := readManifest(path)
	if errors.Is(err, fs.ErrNotExist) && !chosen {
		return Kernel{}, errNone
	}
	if err != nil {
		return Kernel{}, fail(ErrInvalid, "mend it, or unset ARCBOX_KERNEL_MANIFEST", "kernel manifest %s: %w", path, err)
	}
	e, ok := m.entryFor(o.Flavour)
	if !ok {
		return Kernel{}, errNone
	}
	return e.verify(o, Listed, filepath.Dir(path))
}

// verify checks the entry's files. dir is the manifest's folder.
func (e Entry) verify(o Options, origin Origin, dir string) (Kernel, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return Kernel{}, fail(ErrInvalid, remedy(origin, o.Flavour), "resolving the manifest's folder: %w", err)
	}
	k, err := verify(o, candidate{origin: origin, path: below(dir, e.Path), digest: e.SHA256})
	if err != nil {
		return Kernel{}, err
	}
	if e.Modules != "" {
		k.ModuleDir = below(dir, e.Modules)
		if err := isFolder(k.ModuleDir); err != nil {
			return Kernel{}, fail(ErrNotFound, remedy(origin, o.Flavour), "modules of %s: %w", k.Path, err)
		}
	}
	return k, nil
}

// below resolves path against dir, unless it is absolute.
func below(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}
