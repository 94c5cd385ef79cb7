// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"fmt"
	"os"

	"arcbox.dev/runtime/hypervisor/host"
	"arcbox.dev/runtime/vmm/confine"
)

// Confine locks this process in: from then on it can do what the VM needs, with what
// Create has opened, and nothing else. namespaces tells that the process was started
// in namespaces of its own. It is for a process that has this VM and no other purpose.
func (m *machine) Confine(namespaces bool) error {
	report, err := confine.Lock(confine.Options{Namespaces: namespaces, Root: m.cfg.Dir, User: host.VMUser(os.Getpid())})
	if err != nil {
		return fmt.Errorf("locking the VMM in: %w", err)
	}
	if report.Lacking != nil {
		m.log.Warn("the VMM is locked in less tightly", "because", report.Lacking)
	}
	m.log.Debug("the VMM is locked in", "emptyRoot", report.EmptyRoot, "user", report.User)
	return nil
}
