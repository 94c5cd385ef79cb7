// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"arcbox.dev/guest/cache"
)

// seal is what inspect found in an image, remembered with the image's stamp.
type seal struct {
	Stamp   cache.Stamp `json:"stamp"`
	Flavour Flavour     `json:"flavour"`
	Release string      `json:"release"`
	Digest  string      `json:"sha256"`
	From    string      `json:"from,omitempty"` // of a copy: the digest of its original
}

// maxSeals bounds how many images are remembered.
const maxSeals = 32

func sealPath(cacheDir string, flavour Flavour, image string) string {
	return filepath.Join(cacheDir, "seals", keyOf(string(flavour), image)+".json")
}

// recall returns what is remembered of the image in its present state. Anything
// wrong with the memory is no error: the image is read again.
func recall(cacheDir string, flavour Flavour, image string, stamp cache.Stamp) (seal, bool) {
	if cacheDir == "" {
		return seal{}, false
	}
	data, err := os.ReadFile(sealPath(cacheDir, flavour, image))
	if err != nil {
		return seal{}, false
	}
	var s seal
	if json.Unmarshal(data, &s) != nil || s.Stamp != stamp || s.Flavour != flavour || s.Release == "" || s.Digest == "" {
		return seal{}, false
	}
	return s, true
}

// remember keeps what was found in an image that others write: not before a later
// change must show in its stamp.
func remember(cacheDir, image string, s seal) {
	if s.Stamp.Settled(time.Now()) {
		keepSeal(cacheDir, image, s)
	}
}

// keepSeal writes the seal. A cache that cannot be written costs time, and nothing
// else: a full disk must not stop a VM from starting.
func keepSeal(cacheDir, image string, s seal) {
	if cacheDir == "" {
		return
	}
	data, err := json.Marshal(s)
	if err != nil {
		return
	}
	path := sealPath(cacheDir, s.Flavour, image)
	_ = cache.WriteFile(path, 0o600, func(f *os.File) error {
		_, err := f.Write(data)
		return err
	})
	cache.Prune(filepath.Join(filepath.Dir(path), "*.json"), maxSeals)
}
