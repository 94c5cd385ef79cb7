// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"os"
	"testing"

	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
)

func TestClassify(t *testing.T) {
	for name, c := range map[string]struct {
		console string
		killed  bool
		want    hypervisor.Exit
	}{
		"power off":             {"x\n[    1.1] reboot: Power down\n", false, hypervisor.Exit{Reason: hypervisor.ExitPowerOff}},
		"a panic":               {"Kernel panic - not syncing: oops\n", false, hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "oops"}},
		"a panic that we ended": {"Kernel panic - not syncing: oops", true, hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "oops"}},
		"killed":                {"booting", true, hypervisor.Exit{Reason: hypervisor.ExitKilled}},
		"killed while it ended": {"reboot: Power down\n", true, hypervisor.Exit{Reason: hypervisor.ExitKilled}},
		"crash":                 {"one\nlast words\n", false, hypervisor.Exit{Reason: hypervisor.ExitCrash, Detail: "the kernel process ended; its last line: last words"}},
		"crash without a word":  {"", false, hypervisor.Exit{Reason: hypervisor.ExitCrash, Detail: "the kernel process ended"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, classify([]byte(c.console), &os.ProcessState{}, c.killed))
		})
	}
}
