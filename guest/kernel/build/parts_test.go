// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/kernel"
)

func TestSurvived(t *testing.T) {
	for _, tt := range []struct{ name, fragment, result, want string }{
		{"all", "# c\nCONFIG_A=y\n\nCONFIG_B=\"x=1\"\n", "CONFIG_A=y\nCONFIG_B=\"x=1\"\nCONFIG_C=y\n", ""},
		{"lost", "CONFIG_A=y\nCONFIG_B=y\n", "CONFIG_B=y\n", "missing CONFIG_A=y"},
		{"turned off", "CONFIG_A=y\n", "# CONFIG_A is not set\n", "missing CONFIG_A=y"},
		{"another value", "CONFIG_A=0\n", "CONFIG_A=8\n", "missing CONFIG_A=0"},
		{"module", "CONFIG_A=y\n", "CONFIG_A=m\n", "missing CONFIG_A=y"},
		{"off and absent", "CONFIG_A=n\n", "", ""},
		{"off and off", "CONFIG_A=n\n", "# CONFIG_A is not set\n", ""},
		{"off came on", "CONFIG_A=n\n", "CONFIG_A=y\n", "missing CONFIG_A=n"},
		{"several, in order", "CONFIG_B=y\nCONFIG_A=y\n", "", "missing CONFIG_B=y, missing CONFIG_A=y"},
		{"a prefix is another option", "CONFIG_AB=y\n", "CONFIG_A=y\n", "missing CONFIG_AB=y"},
		{"not a configuration", "CONFIG_A\n", "", "line 1 of the configuration"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := survived([]byte(tt.fragment), []byte(tt.result))
			if tt.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestRecipesParse(t *testing.T) {
	parsed := map[kernel.Flavour]map[string]string{}
	for _, r := range kernel.Recipes() {
		options, err := parseConfig(r.Config)
		require.NoError(t, err)
		require.Equal(t, "n", options["CONFIG_MODULES"], "a lean kernel loads none")
		require.NotContains(t, options, "CONFIG_HOSTFS", "a guest must not see the host's files")
		require.Equal(t, strings.Count("\n"+string(r.Config), "\nCONFIG_"), len(options), "no option is set twice")
		parsed[r.Flavour] = options
	}
	require.Equal(t, "y", parsed[kernel.VM]["CONFIG_PVH"], "it is entered by PVH")

	// What a container may use under one driver, it may use under the other.
	for name, value := range parsed[kernel.UML] {
		if !ofUserMode[name] {
			require.Equal(t, value, parsed[kernel.VM][name], name)
		}
	}
}

// ofUserMode are the options that no other kernel than User-Mode Linux has, or that
// it alone can do without.
var ofUserMode = map[string]bool{
	"CONFIG_STDERR_CONSOLE": true, "CONFIG_MCONSOLE": true, "CONFIG_NULL_CHAN": true, "CONFIG_CON_ZERO_CHAN": true,
	"CONFIG_CON_CHAN": true, "CONFIG_VIRTIO_UML": true, "CONFIG_MEMORY_HOTPLUG": true,
}

func TestNewestArchive(t *testing.T) {
	dir := t.TempDir()
	write := func(name string) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, nil, 0o644))
	}
	_, err := findSource("", dir)
	require.ErrorContains(t, err, "sudo ci/setup kernel")
	for _, name := range []string{"linux-source-6.1.tar.xz", "linux-source-5.20.tar.xz", "linux-source-6.13.patch.xz", "linux-6.14.tar.xz"} {
		write(name)
	}
	_, err = findSource("", dir)
	require.ErrorContains(t, err, "no archive of Linux 6.12 or later")
	for _, tt := range []struct{ add, want string }{
		{"linux-source-6.12.tar.xz", "linux-source-6.12.tar.xz"},
		{"linux-source-6.14.0/linux-source-6.14.0.tar.bz2", "linux-source-6.14.0/linux-source-6.14.0.tar.bz2"},
		{"linux-source-6.9.tar.xz", "linux-source-6.14.0/linux-source-6.14.0.tar.bz2"},
		{"linux-source-7.0.tar.zst", "linux-source-7.0.tar.zst"},
	} {
		write(tt.add)
		src, err := findSource("", dir)
		require.NoError(t, err)
		require.Equal(t, filepath.Join(dir, tt.want), src.path)
	}
}

func TestProgressKeepsTheEnd(t *testing.T) {
	p := &progress{every: time.Hour, began: time.Now()}
	for range 1000 {
		n, err := p.Write([]byte("  CC      kernel/some/file.o\n"))
		require.NoError(t, err)
		require.Equal(t, 29, n)
	}
	_, err := p.Write([]byte("kernel/x.c:1: error: y"))
	require.NoError(t, err)
	require.Equal(t, 1000, p.lines)
	lines := strings.Split(string(p.tail()), "\n")
	require.Len(t, lines, 20)
	require.Equal(t, "kernel/x.c:1: error: y", lines[19])
	require.Equal(t, "  CC      kernel/some/file.o", lines[0])

	_, err = p.Write([]byte(strings.Repeat("x", 3*tailSize)))
	require.NoError(t, err)
	require.Len(t, p.last, tailSize)
}
