// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"regexp"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDetectIsStable(t *testing.T) {
	first, err := Detect()
	require.NoError(t, err)
	second, err := Detect()
	require.NoError(t, err)
	require.Equal(t, first.Fingerprint(), second.Fingerprint())
	require.Equal(t, runtime.NumCPU(), first.Cores)
	require.NotZero(t, first.Memory)
	require.NotEqual(t, "unknown", first.Kernel)
}

func TestFingerprint(t *testing.T) {
	base := Host{Arch: "amd64", CPU: "cpu", Cores: 2, Memory: 24 << 30, Kernel: "Linux 6.1", OS: "debian 12"}
	require.Regexp(t, regexp.MustCompile(`^amd64-2c-24g-[0-9a-f]{8}$`), base.Fingerprint())

	same := base
	same.Memory -= 200 << 20 // what the kernel reserved for itself
	require.Equal(t, base.Fingerprint(), same.Fingerprint())

	for name, change := range map[string]func(*Host){
		"arch":   func(h *Host) { h.Arch = "arm64" },
		"cpu":    func(h *Host) { h.CPU = "other" },
		"cores":  func(h *Host) { h.Cores = 4 },
		"memory": func(h *Host) { h.Memory = 8 << 30 },
		"kernel": func(h *Host) { h.Kernel = "Linux 6.2" },
		"os":     func(h *Host) { h.OS = "debian 13" },
	} {
		other := base
		change(&other)
		require.NotEqual(t, base.Fingerprint(), other.Fingerprint(), name)
	}
}

func TestKnown(t *testing.T) {
	require.Equal(t, "unknown", known(" \n "))
	require.Equal(t, "Intel Xeon", known("Intel   Xeon\n"))
}
