// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package hvtest

import (
	"testing"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/hypervisor"
)

// For the tests that a driver has beside the suite.

// Config returns a configuration of a VM with this guest that works on every driver.
func Config(t *testing.T, g Guest) hypervisor.Config { return fixture{g: g}.config(t) }

// Create creates a VM, and closes it at the end of the test.
func Create(t *testing.T, h hypervisor.Hypervisor, cfg hypervisor.Config) hypervisor.VirtualMachine {
	return fixture{h: h}.create(t, cfg)
}

// Boot boots a VM, with a configuration that was changed, and connects to its agent.
// The VM is closed at the end of the test.
func Boot(t *testing.T, h hypervisor.Hypervisor, g Guest, change ...func(*hypervisor.Config)) (hypervisor.VirtualMachine, *client.Client) {
	return fixture{h, g}.boot(t, change...)
}

// Run runs a command in the guest, which is to succeed, and returns what it printed.
func Run(t *testing.T, agent *client.Client, args ...string) string {
	t.Helper()
	return run(t, agent, "", args...)
}
