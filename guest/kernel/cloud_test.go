// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/kernel/deb/debtest"
	"arcbox.dev/guest/kernel/kerneltest"
)

const cloudRelease = "6.1.0-9-cloud"

// cloudPackage is a package like a distribution's.
func cloudPackage() []byte {
	modules := "./lib/modules/" + cloudRelease + "/"
	return debtest.Package(".xz",
		debtest.File{Name: "./boot/vmlinuz-" + cloudRelease, Content: string(kerneltest.Vmlinux(cloudRelease))},
		debtest.File{Name: "./boot/config-" + cloudRelease, Content: "CONFIG_X=y\n"},
		debtest.File{Name: "./boot/System.map-" + cloudRelease, Content: "big"},
		debtest.File{Name: modules + "modules.order", Content: "kernel/vsock.ko\nkernel/erofs.ko\n"},
		debtest.File{Name: modules + "modules.builtin", Content: "kernel/fs/binfmt_elf.ko\n"},
		debtest.File{Name: modules + "kernel/vsock.ko", Content: string(kerneltest.Module("vermagic="+cloudRelease+" ", "alias=net-pf-40"))},
		debtest.File{Name: modules + "kernel/erofs.ko", Content: string(kerneltest.Module("depends=vsock"))},
		debtest.File{Name: "./usr/share/doc/copyright", Content: "text"},
	)
}

// fakeApt puts an apt-get and an apt-cache on an otherwise bare PATH. apt-get
// copies the package, after a while, and notes each call.
func fakeApt(t *testing.T, pkg []byte) (calls string) {
	t.Helper()
	dir := t.TempDir()
	calls = filepath.Join(dir, "calls")
	file := filepath.Join(dir, "pkg")
	require.NoError(t, os.WriteFile(file, pkg, 0o644))
	script := func(name, body string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body), 0o755))
	}
	script("apt-cache", `case "$*" in *linux-image-cloud-*) echo "$3"; echo "  Depends: linux-image-`+cloudRelease+`";; *) exit 100;; esac`)
	script("apt-get", `echo "$*" >>`+calls+`; /bin/sleep 0.2; /bin/cp `+file+` "$2"_1_amd64.deb`)
	t.Setenv("PATH", dir)
	t.Setenv("ARCBOX_KERNEL_MANIFEST", "")
	return calls
}

func TestFetchCloud(t *testing.T) {
	calls := fakeApt(t, cloudPackage())
	dir := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := FetchCloud(context.Background(), dir); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	once := func(n int) {
		t.Helper()
		got, err := os.ReadFile(calls)
		require.NoError(t, err)
		require.Equal(t, n, strings.Count(string(got), "download linux-image-"+cloudRelease+"\n"))
	}
	once(1)

	k, err := Find(Options{Flavour: VM, CacheDir: dir, Getenv: func(string) string { return "" }})
	require.NoError(t, err)
	require.Equal(t, cloudRelease, k.Release)
	require.Equal(t, Packaged, k.Origin)
	paths, err := k.Modules("erofs", "net-pf-40", "binfmt_elf")
	require.NoError(t, err)
	require.Len(t, paths, 2)
	require.Equal(t, "vsock.ko", filepath.Base(paths[0]))

	entry := filepath.Dir(k.Path)
	var names []string
	list, err := os.ReadDir(entry)
	require.NoError(t, err)
	for _, e := range list {
		names = append(names, e.Name())
	}
	require.Equal(t, []string{"config", ManifestName, "modules", "vmlinuz"}, names)

	// A damaged one is fetched again.
	require.NoError(t, os.Truncate(k.Path, 100))
	again, err := FetchCloud(context.Background(), dir)
	require.NoError(t, err)
	require.Equal(t, k, again)
	once(2)
}

func TestFetchCloudProblems(t *testing.T) {
	whole := cloudPackage()
	for _, tc := range []struct {
		name  string
		setup func(t *testing.T)
		want  []string
	}{
		{"no apt", func(t *testing.T) { t.Setenv("PATH", t.TempDir()) }, []string{"no apt-get", "ARCBOX_KERNEL_MANIFEST"}},
		{"no lists", func(t *testing.T) {
			fakeApt(t, nil)
			writeScript(t, "apt-cache", "echo 'E: No packages found' >&2; exit 100")
		}, []string{"linux-image-cloud-", "sudo apt-get update"}},
		{"no network", func(t *testing.T) {
			fakeApt(t, nil)
			writeScript(t, "apt-get", "echo first; echo 'E: Failed to fetch' >&2; exit 100")
		}, []string{"E: Failed to fetch", "network"}},
		{"no package", func(t *testing.T) {
			fakeApt(t, nil)
			writeScript(t, "apt-get", "exit 0")
		}, []string{"left no package"}},
		{"truncated", func(t *testing.T) { fakeApt(t, whole[:len(whole)/2]) }, []string{"not a whole Debian package"}},
		{"no kernel", func(t *testing.T) {
			fakeApt(t, debtest.Package("", debtest.File{Name: "lib/modules/6/modules.order"}))
		}, []string{"there is no kernel in it"}},
		{"no modules", func(t *testing.T) {
			fakeApt(t, debtest.Package("", debtest.File{Name: "boot/vmlinuz-6", Content: string(kerneltest.Vmlinux("6"))}))
		}, []string{"modules folder"}},
		{"a kernel of another kind", func(t *testing.T) {
			fakeApt(t, debtest.Package("", debtest.File{Name: "boot/vmlinuz-6", Content: string(kerneltest.UML("6"))},
				debtest.File{Name: "lib/modules/6/modules.order"}))
		}, []string{"its kernel is not a kernel of the kind"}},
		{"the same file twice", func(t *testing.T) {
			fakeApt(t, debtest.Package("", debtest.File{Name: "boot/vmlinuz-6"}, debtest.File{Name: "boot/vmlinuz-7"}))
		}, []string{"file exists"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.setup(t)
			dir := t.TempDir()
			k, err := FetchCloud(context.Background(), dir)
			require.Zero(t, k)
			require.Error(t, err)
			require.NotContains(t, err.Error(), "\n")
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
			left, err := filepath.Glob(filepath.Join(dir, "kernels", "*"))
			require.NoError(t, err)
			require.Empty(t, left)
			left, err = filepath.Glob(filepath.Join(dir, "kernels", ".tmp*"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestFetchCloudInterrupted(t *testing.T) {
	fakeApt(t, cloudPackage())
	writeScript(t, "apt-get", "exec /bin/sleep 60")
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := FetchCloud(ctx, t.TempDir())
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 10*time.Second)
}

// writeScript puts a program in front of what is on the PATH.
func writeScript(t *testing.T, name, body string) {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+body+"\n"), 0o755))
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

func TestParseDepends(t *testing.T) {
	out := "linux-image-virtual\n  Depends: linux-image-6.8.0-9-generic\n  Depends: <linux-image-6.8.0-virtual>\n" +
		"  Depends: linux-modules-extra\n  PreDepends: linux-image-6.9\n |Depends: linux-firmware\n  Depends: linux-modules-6.8.0-9-generic\n"
	require.Equal(t, []string{"linux-image-6.8.0-9-generic", "linux-modules-6.8.0-9-generic"}, parseDepends([]byte(out)))
	require.Empty(t, parseDepends(nil))
}

func TestPlaceOf(t *testing.T) {
	for name, want := range map[string]string{
		"boot/vmlinuz-6.1":                  "vmlinuz",
		"boot/config-6.1":                   "config",
		"boot/System.map-6.1":               "",
		"lib/modules/6.1/modules.order":     "modules/modules.order",
		"usr/lib/modules/6.1/kernel/a.ko":   "modules/kernel/a.ko",
		"lib/modules/6.1":                   "",
		"usr/share/doc/linux/changelog.gz":  "",
		"usr/lib/linux-image-6.1/boot.dtb":  "",
		"etc/kernel/postinst.d/lib/modules": "",
	} {
		require.Equal(t, want, placeOf(name), name)
	}
}

func TestLastLine(t *testing.T) {
	require.Equal(t, "b", lastLine([]byte("a\nb\n\n")))
	require.Equal(t, "a", lastLine([]byte("a")))
	require.Equal(t, "", lastLine(bytes.Repeat([]byte("\n"), 3)))
}
