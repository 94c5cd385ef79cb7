// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"arcbox.dev/guest/cache"
	"arcbox.dev/guest/kernel"
)

// What an entry of the cache holds, besides its manifest.
const (
	imageName   = "linux"
	builtinName = "modules.builtin"
	configName  = "config"
)

// install puts the kernel into the cache, whole or not at all.
func (b *build) install(ctx context.Context, entry string) error {
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	return cache.WriteFolder(entry, func(dir string) error {
		for from, to := range map[string]string{
			b.image():                                imageName,
			filepath.Join(b.tree, "modules.builtin"): builtinName,
			filepath.Join(b.tree, ".config"):         configName,
		} {
			if err := copyFile(filepath.Join(dir, to), from); err != nil {
				return fmt.Errorf("installing the kernel: %w", err)
			}
		}
		return b.writeManifest(ctx, dir)
	})
}

func (b *build) writeManifest(ctx context.Context, dir string) error {
	image := filepath.Join(dir, imageName)
	if err := os.Chmod(image, 0o755); err != nil {
		return fmt.Errorf("installing the kernel: %w", err)
	}
	digest, err := digestOf(image)
	if err != nil {
		return fmt.Errorf("installing the kernel: %w", err)
	}
	st, err := os.Stat(image)
	if err != nil {
		return fmt.Errorf("installing the kernel: %w", err)
	}
	manifest := kernel.Manifest{Kernels: []kernel.Entry{{
		Flavour: b.recipe.Flavour, Arch: runtime.GOARCH, Path: imageName, SHA256: digest, Modules: ".",
		Release: b.release, Size: st.Size(), Recipe: b.recipe.Digest(), Source: b.source.digest,
		Compiler: compiler(ctx),
	}}}
	data, err := json.MarshalIndent(manifest, "", "\t")
	if err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, kernel.ManifestName), append(data, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the manifest: %w", err)
	}
	return nil
}

func copyFile(to, from string) error {
	src, err := os.Open(from)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		dst.Close()
		return err
	}
	return dst.Close()
}

// intact says whether the entry's kernel is there with the digest in its manifest.
func intact(entry string) bool {
	data, err := os.ReadFile(filepath.Join(entry, kernel.ManifestName))
	if err != nil {
		return false
	}
	m, err := kernel.ParseManifest(data)
	if err != nil || len(m.Kernels) != 1 {
		return false
	}
	digest, err := digestOf(filepath.Join(entry, m.Kernels[0].Path))
	return err == nil && strings.EqualFold(digest, m.Kernels[0].SHA256)
}
