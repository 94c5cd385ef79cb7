// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"arcbox.dev/guest/cache"
	"arcbox.dev/guest/kernel/deb"
	"arcbox.dev/guest/kernel/kmod"
)

// FetchCloud returns the kernel for virtual machines that a manifest lists, or the
// distribution's cloud kernel: from the cache if it is there, and otherwise fetched
// into it by the host's package manager. One that is damaged in the cache is fetched
// again. No rights are needed. An empty cacheDir is the user's cache folder.
func FetchCloud(ctx context.Context, cacheDir string) (Kernel, error) {
	o := Options{Flavour: VM, CacheDir: cacheDir}.withDefaults()
	o.Origin = Listed
	if k, err := Find(o); !errors.Is(err, ErrNotFound) {
		return k, err
	}
	o.Origin = Packaged
	if k, err := Find(o); err == nil {
		return k, nil
	}
	if o.CacheDir == "" {
		return Kernel{}, fail(ErrInvalid, "set ARCBOX_CACHE to a folder", "there is no cache folder for the cloud kernel")
	}
	unlock, err := cache.Lock(ctx, filepath.Join(o.CacheDir, "fetch.lock"), nil)
	if err != nil {
		return Kernel{}, fmt.Errorf("fetching the cloud kernel: %w", err)
	}
	defer unlock()
	if k, err := Find(o); err == nil { // another process has fetched it meanwhile
		return k, nil
	}
	if err := fetchCloud(ctx, o.CacheDir); err != nil {
		return Kernel{}, err
	}
	return Find(o)
}

func fetchCloud(ctx context.Context, cacheDir string) error {
	packages, err := resolvePackages(ctx)
	if err != nil {
		return err
	}
	entry := CacheEntry(cacheDir, VM, Packaged, packages...)
	err = cache.WriteFolder(entry, func(dir string) error { return fillCloud(ctx, dir, packages) })
	if e := (*Error)(nil); errors.As(err, &e) {
		return e
	}
	if err != nil {
		return fail(ErrInvalid, "free some space, or set ARCBOX_CACHE to another folder", "fetching the cloud kernel: %w", err)
	}
	PruneEntries(cacheDir, VM, Packaged, entry)
	return nil
}

// fillCloud makes an entry of the cache from the packages.
func fillCloud(ctx context.Context, dir string, packages []string) error {
	names := strings.Join(packages, " ")
	download := filepath.Join(dir, "download")
	if err := os.Mkdir(download, 0o755); err != nil {
		return err
	}
	if out, err := command(ctx, download, "apt-get", append([]string{"download"}, packages...)...); err != nil {
		return fail(ErrNotFound, "check the network, or run `sudo apt-get update`", "fetching %s: %w: %s", names, err, lastLine(out))
	}
	debs, err := filepath.Glob(filepath.Join(download, "*.deb"))
	if err != nil || len(debs) == 0 {
		return fail(ErrNotFound, "", "fetching %s: apt-get left no package", names)
	}
	for _, d := range debs {
		err := unpackCloud(dir, d)
		if errors.Is(err, deb.ErrFormat) {
			return fail(ErrCorrupt, "try again", "unpacking %s: %w", filepath.Base(d), err)
		}
		if err != nil {
			return err
		}
	}
	if err := os.RemoveAll(download); err != nil {
		return err
	}
	return describeCloud(dir, packages)
}

// What an entry of the cache for a cloud kernel holds, besides its manifest.
const (
	cloudImage   = "vmlinuz"
	cloudConfig  = "config"
	cloudModules = "modules"
)

// unpackCloud unpacks what is kept of a package into dir: the image, its
// configuration and all modules with their lists.
func unpackCloud(dir, file string) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return deb.Walk(f, func(name string, _ int64, content io.Reader) error {
		to := placeOf(name)
		if to == "" {
			return nil
		}
		to = filepath.Join(dir, to)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		w, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, content); err != nil {
			w.Close()
			return err
		}
		return w.Close()
	})
}

// placeOf returns where in the entry a package's file goes, or "" if it is not kept.
func placeOf(name string) string {
	name = strings.TrimPrefix(name, "usr/") // distributions have merged /lib into /usr/lib
	switch {
	case strings.HasPrefix(name, "boot/vmlinuz-"):
		return cloudImage
	case strings.HasPrefix(name, "boot/config-"):
		return cloudConfig
	}
	rest, ok := strings.CutPrefix(name, "lib/modules/")
	if !ok {
		return ""
	}
	_, rest, ok = strings.Cut(rest, "/") // the release
	if !ok {
		return ""
	}
	return filepath.Join(cloudModules, filepath.FromSlash(rest))
}

// describeCloud writes the entry's index of modules and its manifest.
func describeCloud(dir string, packages []string) error {
	if err := kmod.Index(filepath.Join(dir, cloudModules)); err != nil {
		return fail(ErrCorrupt, "", "unpacking %s: %w", strings.Join(packages, " "), err)
	}
	s, err := inspect(filepath.Join(dir, cloudImage), VM)
	if errors.Is(err, fs.ErrNotExist) {
		return fail(ErrCorrupt, "", "unpacking %s: there is no kernel in it", strings.Join(packages, " "))
	}
	if err != nil {
		return fail(ErrCorrupt, "", "unpacking %s: its kernel %w", strings.Join(packages, " "), err)
	}
	data, err := json.MarshalIndent(Manifest{Kernels: []Entry{{
		Flavour: VM, Arch: runtime.GOARCH, Path: cloudImage, SHA256: s.Digest, Modules: cloudModules,
		Release: s.Release, Size: s.Stamp.Size, Source: strings.Join(packages, " "),
	}}}, "", "\t")
	if err != nil {
		return fmt.Errorf("writing a kernel manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, ManifestName), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing a kernel manifest: %w", err)
	}
	return nil
}
