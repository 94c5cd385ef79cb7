// SPDX-License-Identifier: MIT OR Apache-2.0

package qemu

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMachines(t *testing.T) {
	for _, tc := range []struct {
		accel string
		khz   uint64
		want  string
	}{
		{"", 2600000, "kvm:microvm kvm:q35 tcg:microvm tcg:q35"},
		{"tcg", 2600000, "tcg:microvm tcg:q35"},
		{"tcg", 0, "tcg:q35"},
		{"kvm", 0, "kvm:q35"},
	} {
		var got []string
		for _, m := range machines(tc.accel, tc.khz) {
			got = append(got, m.accel+":"+m.name)
		}
		require.Equal(t, tc.want, strings.Join(got, " "))
	}
}

func TestArgs(t *testing.T) {
	config, guest := Config{CPUs: 2, Memory: 256 << 20}, Guest{Kernel: "/k", Initramfs: "/i"}
	args := machine{"microvm", tcg, 2600000}.args(config, guest)
	for _, want := range [][]string{
		{"-smp", "2"}, {"-m", "262144k"}, {"-kernel", "/k"}, {"-initrd", "/i"}, {"-accel", "tcg,thread=multi"},
		{"-chardev", "socket,id=agent,fd=3"}, {"-device", "virtserialport,chardev=agent,id=agent,name=arcbox"},
	} {
		i := slices.Index(args, want[1])
		require.Greater(t, i, 0, "%q", want)
		require.Equal(t, want[0], args[i-1])
	}
	line := args[slices.Index(args, "-append")+1]
	require.Contains(t, line, "arcbox.port=arcbox")
	require.Contains(t, line, "tsc_early_khz=2600000")
	require.NotContains(t, machine{"q35", tcg, 0}.cmdline(), "tsc_early_khz")
	require.Contains(t, machine{"q35", kvm, 0}.args(config, guest), "host")
}
