// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var digest = strings.Repeat("0a", 32)

func TestParseManifest(t *testing.T) {
	entry := `{"flavour":"uml","arch":"amd64","path":"linux","sha256":"` + digest + `"}`
	for _, tc := range []struct{ name, data, error string }{
		{"one kernel", `{"kernels":[` + entry + `]}`, ""},
		{"none", `{"kernels":[]}`, ""},
		{"empty", ``, "EOF"},
		{"truncated", `{"kernels":[` + entry, "EOF"},
		{"two values", `{"kernels":[]} {}`, "after its end"},
		{"garbage after it", `{"kernels":[]}]`, "after its end"},
		{"unknown field", `{"kernels":[{"sha512":"x"}]}`, "unknown field"},
		{"no digest", `{"kernels":[{"flavour":"uml","arch":"amd64","path":"linux"}]}`, "kernel 1: sha256"},
		{"short digest", `{"kernels":[` + entry + `,` + strings.Replace(entry, "0a", "", 1) + `]}`, "kernel 2: sha256"},
		{"digest of other digits", `{"kernels":[` + strings.Replace(entry, "0a", "0g", 1) + `]}`, "sha256"},
		{"no path", `{"kernels":[` + strings.Replace(entry, "linux", "", 1) + `]}`, "path"},
		{"negative size", `{"kernels":[` + strings.Replace(entry, `"arch"`, `"size":-1,"arch"`, 1) + `]}`, "size is negative"},
		{"a list", `[]`, "cannot unmarshal"},
		{"deep", strings.Repeat(`{"kernels":[`, 20000), "parsing"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m, err := ParseManifest([]byte(tc.data))
			if tc.error == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.error)
			require.Zero(t, m)
		})
	}
}

func TestReadManifestTooLarge(t *testing.T) {
	path := filepath.Join(t.TempDir(), "m.json")
	require.NoError(t, os.WriteFile(path, []byte(`{"kernels":[]}`+strings.Repeat(" ", maxManifest)), 0o600))
	_, err := readManifest(path)
	require.ErrorContains(t, err, "larger than")
}

func FuzzParseManifest(f *testing.F) {
	f.Add([]byte(`{"kernels":[{"flavour":"uml","arch":"amd64","path":"linux","sha256":"` + digest + `","modules":"../m","size":1}]}`))
	f.Add([]byte(`{"kernels":[{}]}`))
	f.Add([]byte(`{"kernels":null}`))
	f.Add([]byte(`null`))
	f.Add([]byte(`{"kernels":[{"size":99999999999999999999}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := ParseManifest(data)
		if err != nil {
			require.Zero(t, m)
			return
		}
		for _, e := range m.Kernels {
			require.NoError(t, e.check())
		}
	})
}
