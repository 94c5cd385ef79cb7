// SPDX-License-Identifier: MIT OR Apache-2.0

package console

import (
	"strings"
	"testing"
	"unicode"

	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
)

func TestVerdict(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want hypervisor.Exit
		ok   bool
	}{
		"power off":              {"x\n[    1.1] reboot: Power down\n", hypervisor.Exit{Reason: hypervisor.ExitPowerOff}, true},
		"halt":                   {"reboot: System halted\n", hypervisor.Exit{Reason: hypervisor.ExitPowerOff}, true},
		"reboot":                 {"reboot: Restarting system\n", hypervisor.Exit{Reason: hypervisor.ExitReboot}, true},
		"the last one counts":    {"reboot: Power down\nreboot: Restarting system\n", hypervisor.Exit{Reason: hypervisor.ExitReboot}, true},
		"panic":                  {"Kernel panic - not syncing: Attempted to kill init! \x1b[31m\nCPU: 0", hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "Attempted to kill init! [31m"}, true},
		"restart after a panic":  {"Kernel panic - not syncing: oops\nreboot: Restarting system", hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: "oops"}, true},
		"long lines are cut off": {"Kernel panic - not syncing: " + strings.Repeat("x", 500), hypervisor.Exit{Reason: hypervisor.ExitPanic, Detail: strings.Repeat("x", 200) + "…"}, true},
		"nothing":                {"", hypervisor.Exit{}, false},
		"still running":          {"booting\n", hypervisor.Exit{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := Verdict([]byte(c.text))
			require.Equal(t, c.ok, ok)
			require.Equal(t, c.want, got)
		})
	}
}

func TestLastLine(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		"\n \n":                 "",
		"one\nlast words\r\n\n": "last words",
		"\x1b[2Jclear":          "[2Jclear",
	} {
		require.Equal(t, want, LastLine([]byte(text)), "%q", text)
	}
}

// FuzzVerdict: whatever a guest writes, what is said of it is one printable line.
func FuzzVerdict(f *testing.F) {
	f.Add([]byte("Kernel panic - not syncing: \xff\x9b\u0085\u2028x"))
	f.Add([]byte("reboot: Power down"))
	f.Fuzz(func(t *testing.T, text []byte) {
		exit, ok := Verdict(text)
		require.Equal(t, ok, exit.Reason != "")
		for _, s := range []string{exit.Detail, LastLine(text)} {
			require.LessOrEqual(t, len(s), 210)
			for _, r := range s {
				require.False(t, unicode.IsControl(r), "%q", s)
			}
		}
	})
}
