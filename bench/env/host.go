// SPDX-License-Identifier: MIT OR Apache-2.0

// Package env describes the machine on which something is measured, and how
// quiet it is.
//
// A figure means nothing without the host behind it. Host holds what results
// depend on and names no person, network or machine; its fingerprint is the same
// for two runs on the same hardware, kernel and distribution, and no other.
package env

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"runtime"
	"strings"
)

// Host is a machine as far as results depend on it.
type Host struct {
	Arch   string // GOARCH: "amd64"
	CPU    string // model name, with family, model and stepping where there are such
	Cores  int    // logical CPUs that this process may use
	Memory uint64 // bytes that the kernel manages
	Kernel string // name and release: "Linux 6.1.0-32-amd64"
	OS     string // distribution and version: "debian 12"
}

// Detect describes the host that it runs on. What cannot be found out is
// "unknown" or zero; that is an error only where nothing could.
func Detect() (Host, error) {
	h, err := detect()
	if err != nil {
		return Host{}, fmt.Errorf("describing the host: %w", err)
	}
	h.Arch = runtime.GOARCH
	h.Cores = runtime.NumCPU()
	h.CPU, h.Kernel, h.OS = known(h.CPU), known(h.Kernel), known(h.OS)
	return h, nil
}

// known returns s on one line with single spaces, or "unknown" where it is empty.
func known(s string) string {
	if s = strings.Join(strings.Fields(s), " "); s == "" {
		return "unknown"
	}
	return s
}

// Fingerprint names the host: "amd64-2c-24g-1f3a9c2e". It is fit for a file name.
func (h Host) Fingerprint() string {
	// Memory counts in whole GiB, since what the kernel keeps for itself differs
	// a little from boot to boot.
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%d\n%d\n%s\n%s\n",
		h.Arch, h.CPU, h.Cores, h.gib(), h.Kernel, h.OS))
	return fmt.Sprintf("%s-%dc-%dg-%s", h.Arch, h.Cores, h.gib(), hex.EncodeToString(sum[:4]))
}

// gib returns the memory in GiB, rounded.
func (h Host) gib() uint64 { return (h.Memory + 1<<29) >> 30 }
