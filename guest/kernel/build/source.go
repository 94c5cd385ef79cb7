// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
)

// The oldest Linux whose source has all that the recipes ask for.
const (
	oldestMajor = 6
	oldestMinor = 12
)

// source is an archive of Linux's source.
type source struct {
	path   string
	digest string // sha256, in hexadecimal
}

// archiveName is what distributions call their archives.
var archiveName = regexp.MustCompile(`^linux-source-(\d+)\.(\d+)(\.\d+)?\.tar\.(xz|bz2|gz|zst)$`)

// findSource returns the archive at path, or if that is empty the newest one in
// the folder or in a folder of its own there.
func findSource(path, folder string) (source, error) {
	if path == "" {
		var err error
		if path, err = newestArchive(folder); err != nil {
			return source{}, err
		}
	}
	digest, err := digestOf(path)
	if err != nil {
		return source{}, fmt.Errorf("reading the Linux source: %w", err)
	}
	return source{path: path, digest: digest}, nil
}

func newestArchive(folder string) (string, error) {
	best, bestVersion := "", [2]int{oldestMajor, oldestMinor}
	for _, pattern := range []string{"linux-source-*.tar.*", "linux-source-*/linux-source-*.tar.*"} {
		paths, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return "", fmt.Errorf("looking for Linux's source: %w", err)
		}
		for _, p := range paths {
			m := archiveName.FindStringSubmatch(filepath.Base(p))
			if m == nil {
				continue
			}
			// The pattern lets only digits through; a number too large is no version.
			major, _ := strconv.Atoi(m[1])
			minor, _ := strconv.Atoi(m[2])
			v := [2]int{major, minor}
			if cmp.Or(cmp.Compare(v[0], bestVersion[0]), cmp.Compare(v[1], bestVersion[1])) >= 0 {
				best, bestVersion = p, v
			}
		}
	}
	if best == "" {
		return "", fmt.Errorf("no archive of Linux %d.%d or later is in %s (run `sudo ci/setup kernel`, or name one with -source)",
			oldestMajor, oldestMinor, folder)
	}
	return best, nil
}

func digestOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.CopyBuffer(h, struct{ io.Reader }{f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
