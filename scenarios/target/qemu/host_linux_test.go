// SPDX-License-Identifier: MIT OR Apache-2.0

package qemu

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseTSC(t *testing.T) {
	for _, tc := range []struct {
		name, cpuinfo string
		want          uint64
	}{
		{"constant", "processor\t: 0\nflags\t\t: fpu tsc constant_tsc avx\nbogomips\t: 5200.00\n\nprocessor\t: 1\nbogomips\t: 1.00\n", 2600000},
		{"constant, last flag", "flags\t: constant_tsc\nbogomips\t: 4999.98\n", 2499990},
		{"not constant", "flags\t\t: fpu tsc\nbogomips\t: 5200.00\n", 0},
		{"another flag", "flags\t\t: non_constant_tsc_x\nbogomips\t: 5200.00\n", 0},
		{"no bogomips", "flags\t\t: constant_tsc\n", 0},
		{"negative", "flags\t\t: constant_tsc\nbogomips\t: -1\n", 0},
		{"no number", "flags\t\t: constant_tsc\nbogomips\t: fast\n", 0},
		{"empty", "", 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			require.Equal(t, tc.want, parseTSC([]byte(tc.cpuinfo)))
		})
	}
}
