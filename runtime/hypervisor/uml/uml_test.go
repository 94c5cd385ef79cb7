// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"os"
	"testing"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/hypervisor/hvtest"
)

func TestMain(m *testing.M) {
	if os.Args[0] == JailName {
		Jailed()
	}
	if conf := os.Getenv(parentVariable); conf != "" {
		jailParent(Confinement(conf))
	}
	code := m.Run()
	hvtest.RemoveAgent()
	os.Exit(code)
}

// TestConformance runs the suite on each kernel and in each way of locking in.
func TestConformance(t *testing.T) {
	for _, origin := range []kernel.Origin{kernel.Lean, kernel.Packaged} {
		t.Run(string(origin), func(t *testing.T) {
			hvtest.Suite(t, &Hypervisor{}, hvtest.UserMode(t, origin))
		})
	}
	if os.Geteuid() == 0 {
		t.Run("namespace", func(t *testing.T) {
			hvtest.Suite(t, &Hypervisor{Jail: ConfineNamespace}, hvtest.UserMode(t, ""))
		})
	}
	t.Run("landlock", func(t *testing.T) {
		hvtest.Suite(t, &Hypervisor{Jail: ConfineLandlock}, hvtest.UserMode(t, ""))
	})
}
