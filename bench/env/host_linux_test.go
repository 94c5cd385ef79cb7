// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCPUModel(t *testing.T) {
	for _, tc := range []struct{ name, cpuinfo, want string }{
		{"x86", "processor\t: 0\nmodel name\t: Xeon Gold\ncpu family\t: 6\nmodel\t\t: 85\nstepping\t: 7\nflags\t\t: fpu vme\n\nprocessor\t: 1\nmodel name\t: other\n",
			"Xeon Gold (family 6 model 85 stepping 7)"},
		{"arm64", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\nCPU revision\t: 1\n",
			"implementer 0x41 part 0xd0c revision 1"},
		{"unknown machine", "hart: 0\n", ""},
		{"empty", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, cpuModel([]byte(tc.cpuinfo)))
		})
	}
}

func TestMemTotal(t *testing.T) {
	require.Equal(t, uint64(24683656<<10), memTotal([]byte("MemTotal:       24683656 kB\nMemFree: 1 kB\n")))
	require.Zero(t, memTotal([]byte("MemFree: 1 kB\n")))
	require.Zero(t, memTotal([]byte("MemTotal: many kB\n")))
}

func TestDistribution(t *testing.T) {
	require.Equal(t, "debian 12", distribution([]byte("NAME=\"Debian\"\nID=debian\nVERSION_ID=\"12\"\n")))
	require.Equal(t, "arch", known(distribution([]byte("ID=arch\n"))))
}
