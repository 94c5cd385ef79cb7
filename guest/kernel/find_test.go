// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/kernel/kerneltest"
)

// host is a made-up host: a root file system, a cache and an environment.
type host struct {
	t    *testing.T
	root string
	env  map[string]string
	opts Options
}

func newHost(t *testing.T) *host {
	h := &host{t: t, root: t.TempDir(), env: map[string]string{}}
	h.opts = Options{
		Flavour:   UML,
		CacheDir:  filepath.Join(h.root, "cache"),
		ConfigDir: filepath.Join(h.root, "config"),
		Root:      h.root,
		Getenv:    func(name string) string { return h.env[name] },
	}
	return h
}

// write writes a file below the root and returns its path.
func (h *host) write(name string, data []byte, perm os.FileMode) string {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	require.NoError(h.t, os.MkdirAll(filepath.Dir(path), 0o755))
	require.NoError(h.t, os.WriteFile(path, data, perm))
	return path
}

// packaged installs what the distribution's package would.
func (h *host) packaged(release string) {
	h.write("usr/bin/linux.uml", kerneltest.UML(release), 0o755)
	h.write("usr/lib/uml/modules/"+release+"/kernel/vsock.ko", kerneltest.Module("depends=", "vermagic="+release+" "), 0o644)
}

// lean installs what the builder would, for a recipe with the digest.
func (h *host) lean(recipe, source, release string) string {
	return h.cached(Lean, recipe, source, release)
}

// cached puts a kernel of the wanted flavour into the cache, as the builder does, or
// what fetches the distribution's.
func (h *host) cached(origin Origin, recipe, source, release string) string {
	flavour, image := h.opts.Flavour, kerneltest.UML(release)
	if flavour == VM {
		image = kerneltest.Vmlinux(release)
	}
	dir := strings.TrimPrefix(CacheEntry(h.opts.CacheDir, flavour, origin, source, recipe), h.root)
	path := h.write(dir+"/linux", image, 0o755)
	h.write(dir+"/modules.builtin", []byte("kernel/net/vmw_vsock/vsock.ko\n"), 0o644)
	h.write(dir+"/"+ManifestName, manifestOf(h.t, Entry{
		Flavour: flavour, Arch: runtime.GOARCH, Path: "linux", SHA256: sha(image), Modules: ".", Release: release, Recipe: recipe,
	}), 0o644)
	return path
}

func manifestOf(t *testing.T, entries ...Entry) []byte {
	t.Helper()
	data, err := json.Marshal(Manifest{Kernels: entries})
	require.NoError(t, err)
	return data
}

func sha(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

func recipeDigest(t *testing.T) string { return digestFor(t, UML) }

func digestFor(t *testing.T, flavour Flavour) string {
	t.Helper()
	r, ok := RecipeFor(flavour)
	require.True(t, ok)
	return r.Digest()
}

func TestFindOrder(t *testing.T) {
	h := newHost(t)
	find := func(want Origin, release string) {
		t.Helper()
		k, err := Find(h.opts)
		require.NoError(t, err)
		require.Equal(t, want, k.Origin)
		require.Equal(t, release, k.Release)
		require.Equal(t, UML, k.Flavour)
		require.True(t, filepath.IsAbs(k.Path))
	}
	h.packaged("6.1.1")
	find(Packaged, "6.1.1")

	h.lean("stale", "s", "6.13.0")
	find(Packaged, "6.1.1") // a lean kernel of another recipe is not looked at

	h.lean(recipeDigest(t), "s1", "6.12.9")
	h.lean(recipeDigest(t), "s2", "6.12.10")
	h.lean(recipeDigest(t), "s3", "6.9.11")
	find(Lean, "6.12.10")

	mine := kerneltest.UML("6.14.0")
	h.write("config/mine", mine, 0o755)
	h.write("config/"+ManifestName, manifestOf(t,
		Entry{Flavour: VM, Arch: runtime.GOARCH, Path: "other", SHA256: sha(mine)},
		Entry{Flavour: UML, Arch: "s390x", Path: "other", SHA256: sha(mine)},
		Entry{Flavour: UML, Arch: runtime.GOARCH, Path: "mine", SHA256: strings.ToUpper(sha(mine))},
	), 0o644)
	find(Listed, "6.14.0")

	h.env["ARCBOX_KERNEL"] = h.write("elsewhere/linux", kerneltest.UML("6.15.0"), 0o755)
	find(Override, "6.15.0")

	for origin, release := range map[Origin]string{Override: "6.15.0", Listed: "6.14.0", Lean: "6.12.10", Packaged: "6.1.1"} {
		h.opts.Origin = origin
		find(origin, release)
	}
}

// The same order, for machines: the distribution's kernel lies in the cache too.
func TestFindForMachines(t *testing.T) {
	h := newHost(t)
	h.opts.Flavour = VM
	find := func(want Origin, release string) {
		t.Helper()
		k, err := Find(h.opts)
		require.NoError(t, err)
		require.Equal(t, want, k.Origin)
		require.Equal(t, release, k.Release)
		elf, err := k.Uncompressed()
		require.NoError(t, err)
		require.Equal(t, k.Path, elf)
	}
	h.packaged("6.9.9") // a process
	h.cached(Packaged, "", "p1", "6.13.0-cloud")
	find(Packaged, "6.13.0-cloud")
	h.lean(digestFor(t, UML), "s", "6.14.0") // of another recipe
	find(Packaged, "6.13.0-cloud")
	lean := h.lean(digestFor(t, VM), "s", "6.12.1")
	find(Lean, "6.12.1") // though it is older

	h.opts.Origin = Packaged
	find(Packaged, "6.13.0-cloud")
	require.NoError(t, os.Truncate(filepath.Join(filepath.Dir(lean), ManifestName), 10))
	find(Packaged, "6.13.0-cloud") // whatever became of the lean one
}

// Entries of one origin and flavour go without those of another.
func TestPruneEntries(t *testing.T) {
	dir := t.TempDir()
	kinds := []struct {
		flavour Flavour
		origin  Origin
	}{{UML, Lean}, {VM, Lean}, {VM, Packaged}}
	for i, pruned := range kinds {
		for _, k := range kinds {
			for _, from := range []string{"old", "new"} {
				require.NoError(t, os.MkdirAll(CacheEntry(dir, k.flavour, k.origin, from), 0o755))
			}
		}
		PruneEntries(dir, pruned.flavour, pruned.origin, CacheEntry(dir, pruned.flavour, pruned.origin, "new"))
		for j, k := range kinds {
			require.DirExists(t, CacheEntry(dir, k.flavour, k.origin, "new"))
			if old := CacheEntry(dir, k.flavour, k.origin, "old"); i == j {
				require.NoDirExists(t, old)
			} else {
				require.DirExists(t, old)
			}
		}
	}
}

func TestFindProblems(t *testing.T) {
	image := kerneltest.UML("6.1.1")
	for _, tc := range []struct {
		name  string
		setup func(h *host)
		class error
		want  []string // in the one line
	}{
		{
			name: "nothing", setup: func(*host) {}, class: ErrNotFound,
			want: []string{"no User-Mode Linux kernel was found", "sudo ci/setup", "make kernel"},
		},
		{
			name: "no lean kernel", setup: func(h *host) { h.packaged("6.1.1"); h.opts.Origin = Lean },
			class: ErrNotFound, want: []string{"no lean kernel", "make kernel"},
		},
		{
			name: "override missing", setup: func(h *host) { h.packaged("6.1.1"); h.env["ARCBOX_KERNEL"] = "/nowhere/linux" },
			class: ErrNotFound, want: []string{"/nowhere/linux", "no such file", "ARCBOX_KERNEL"},
		},
		{
			name: "override is a folder", setup: func(h *host) { h.env["ARCBOX_KERNEL"] = h.root },
			class: ErrInvalid, want: []string{"it is no regular file"},
		},
		{
			name: "override truncated",
			setup: func(h *host) {
				h.env["ARCBOX_KERNEL"] = h.write("linux", image[:len(image)-1], 0o755)
			},
			class: ErrCorrupt, want: []string{"is truncated", "ARCBOX_KERNEL"},
		},
		{
			name:  "override not executable",
			setup: func(h *host) { h.env["ARCBOX_KERNEL"] = h.write("linux", image, 0o644) },
			class: ErrInvalid, want: []string{"is not executable", "chmod a+rx"},
		},
		{
			name:  "override for another architecture",
			setup: func(h *host) { h.env["ARCBOX_KERNEL"] = h.write("linux", foreign(), 0o755) },
			class: ErrInvalid, want: []string{"another architecture", "EM_S390"},
		},
		{
			name: "override modules missing",
			setup: func(h *host) {
				h.env["ARCBOX_KERNEL"] = h.write("linux", image, 0o755)
				h.env["ARCBOX_KERNEL_MODULES"] = "/nowhere"
			},
			class: ErrNotFound, want: []string{"ARCBOX_KERNEL_MODULES", "/nowhere"},
		},
		{
			name: "packaged modules of another release",
			setup: func(h *host) {
				h.packaged("6.1.1")
				h.write("usr/bin/linux.uml", kerneltest.UML("6.1.2"), 0o755)
			},
			class: ErrNotFound, want: []string{"is release 6.1.2", "6.1.2 is missing", "reinstall user-mode-linux"},
		},
		{
			name: "lean damaged",
			setup: func(h *host) {
				h.packaged("6.1.1")
				path := h.lean(recipeDigest(h.t), "s", "6.12.0")
				data := kerneltest.UML("6.12.0")
				data[len(data)/2] ^= 1
				require.NoError(h.t, os.WriteFile(path, data, 0o755))
			},
			class: ErrCorrupt, want: []string{"has sha256", "expected", "make kernel"},
		},
		{
			name: "lean manifest damaged",
			setup: func(h *host) {
				h.packaged("6.1.1")
				path := h.lean(recipeDigest(h.t), "s", "6.12.0")
				require.NoError(h.t, os.Truncate(filepath.Join(filepath.Dir(path), ManifestName), 10))
			},
			class: ErrCorrupt, want: []string{"parsing a kernel manifest", "make kernel"},
		},
		{
			name: "manifest missing",
			setup: func(h *host) {
				h.packaged("6.1.1")
				h.env["ARCBOX_KERNEL_MANIFEST"] = filepath.Join(h.root, "none.json")
			},
			class: ErrInvalid, want: []string{"none.json", "no such file", "ARCBOX_KERNEL_MANIFEST"},
		},
		{
			name: "manifest with a wrong digest",
			setup: func(h *host) {
				h.write("config/linux", image, 0o755)
				h.write("config/"+ManifestName, manifestOf(h.t, Entry{Flavour: UML, Arch: runtime.GOARCH, Path: "linux", SHA256: sha(nil)}), 0o644)
			},
			class: ErrCorrupt, want: []string{"has sha256 " + sha(image), "expected " + sha(nil), "manifest"},
		},
		{
			name: "manifest with missing modules",
			setup: func(h *host) {
				h.write("config/linux", image, 0o755)
				h.write("config/"+ManifestName, manifestOf(h.t, Entry{Flavour: UML, Arch: runtime.GOARCH, Path: "linux", SHA256: sha(image), Modules: "mods"}), 0o644)
			},
			class: ErrNotFound, want: []string{"config/mods", "manifest"},
		},
		{
			name: "unknown flavour", setup: func(h *host) { h.opts.Flavour = "plan9" },
			class: ErrInvalid, want: []string{`unknown kernel flavour "plan9"`},
		},
		{
			name: "no kernel for machines", setup: func(h *host) { h.packaged("6.1.1"); h.opts.Flavour = VM },
			class: ErrNotFound, want: []string{"no kernel for virtual machines", "make kernel-cloud", "`make kernel`"},
		},
		{
			name: "no lean kernel for machines",
			setup: func(h *host) {
				h.opts.Flavour = VM
				h.cached(Packaged, "", "p", "6.1.1")
				h.opts.Origin = Lean
			},
			class: ErrNotFound, want: []string{"no lean kernel", "`make kernel`"},
		},
		{
			name: "the fetched kernel is damaged",
			setup: func(h *host) {
				h.opts.Flavour = VM
				require.NoError(h.t, os.Truncate(h.cached(Packaged, "", "p", "6.1.1"), 100))
			},
			class: ErrCorrupt, want: []string{"is truncated", "make kernel-cloud"},
		},
		{
			name: "a process where a VM's kernel is needed",
			setup: func(h *host) {
				h.opts.Flavour = VM
				h.env["ARCBOX_KERNEL"] = h.write("linux", image, 0o755)
			},
			class: ErrInvalid, want: []string{"it is a User-Mode Linux kernel"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := newHost(t)
			tc.setup(h)
			k, err := Find(h.opts)
			require.Zero(t, k)
			require.ErrorIs(t, err, tc.class)
			var e *Error
			require.ErrorAs(t, err, &e)
			require.NotContains(t, err.Error(), "\n")
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
		})
	}
}

func TestFindWithoutCache(t *testing.T) {
	h := newHost(t)
	h.packaged("6.1.1")
	h.opts.CacheDir = "" // and neither HOME nor anything else is set
	k, err := Find(h.opts)
	require.NoError(t, err)
	require.Equal(t, "6.1.1", k.Release)
}

func TestCompareReleases(t *testing.T) {
	ascending := []string{"", "5.10", "6.1.9", "6.1.10", "6.1.10-1", "6.9", "6.12", "6.12.1", "6.12.1-arcbox", "6.12.2", "18446744073709551616"}
	for i, a := range ascending {
		for j, b := range ascending[:len(ascending)-1] {
			if i == len(ascending)-1 {
				continue // compared as text, which orders it somewhere
			}
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			require.Equal(t, want, compareReleases(a, b), "%q and %q", a, b)
		}
	}
}

func TestModulesOfFakes(t *testing.T) {
	h := newHost(t)
	h.packaged("6.1.1")
	k, err := Find(h.opts)
	require.NoError(t, err)
	got, err := k.Modules("vsock")
	require.NoError(t, err)
	require.Equal(t, []string{filepath.Join(h.root, "usr/lib/uml/modules/6.1.1/kernel/vsock.ko")}, got)
	require.True(t, k.Has("vsock"))
	require.False(t, k.Has("nothing"))
	_, err = k.Modules("nothing")
	require.ErrorIs(t, err, ErrInvalid)
	require.ErrorContains(t, err, "unknown module: nothing")

	h.write("usr/lib/uml/modules/6.1.1/kernel/old.ko", kerneltest.Module("vermagic=6.1.0 "), 0o644)
	_, err = k.Modules("old")
	require.ErrorContains(t, err, "old.ko is for release 6.1.0")

	h.lean(recipeDigest(t), "s", "6.12.0")
	k, err = Find(h.opts)
	require.NoError(t, err)
	got, err = k.Modules("vsock")
	require.NoError(t, err)
	require.Empty(t, got)
	require.False(t, k.Has("nothing"))
}

func TestCompressedModules(t *testing.T) {
	h := newHost(t)
	h.packaged("6.1.1")
	plain := kerneltest.Module("depends=vsock", "vermagic=6.1.1 ")
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, err := z.Write(plain)
	require.NoError(t, err)
	require.NoError(t, z.Close())
	path := h.write("usr/lib/uml/modules/6.1.1/kernel/erofs.ko.gz", packed.Bytes(), 0o644)

	k, err := Find(h.opts)
	require.NoError(t, err)
	first, err := k.Modules("erofs")
	require.NoError(t, err)
	require.Len(t, first, 2)
	got, err := os.ReadFile(first[1])
	require.NoError(t, err)
	require.Equal(t, plain, got)

	age(t, path)
	before, err := os.Stat(first[1])
	require.NoError(t, err)
	again, err := k.Modules("erofs")
	require.NoError(t, err)
	require.Equal(t, first, again)
	after, err := os.Stat(again[1])
	require.NoError(t, err)
	require.True(t, os.SameFile(before, after), "it is unpacked once")

	require.NoError(t, os.Truncate(path, int64(packed.Len()/2)))
	_, err = k.Modules("erofs")
	require.ErrorContains(t, err, "erofs.ko.gz")
	require.NotContains(t, err.Error(), "\n")
}
