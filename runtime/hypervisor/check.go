// SPDX-License-Identifier: MIT OR Apache-2.0

package hypervisor

import (
	"regexp"

	"arcbox.dev/runtime/errdefs"
)

var validID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

// Check refuses what no driver can do with: an id that is no name, no CPU, less
// memory than minMemory (bytes), or more than the host has left (bytes; 0 where
// that is not known). Drivers call it first thing in Create.
func (c Config) Check(minMemory, available uint64) error {
	switch {
	case !validID.MatchString(c.ID):
		return errdefs.New(errdefs.ErrInvalid, "use up to 32 of a-z, 0-9 and -", "VM id %q is not valid", c.ID)
	case c.CPUs < 1:
		return errdefs.New(errdefs.ErrInvalid, "give it at least 1", "a VM with %d CPUs cannot run", c.CPUs)
	case c.Memory < minMemory:
		return errdefs.New(errdefs.ErrInvalid, "ask for more with --memory", "%d MiB of memory is too small for a guest, which needs %d", c.Memory>>20, minMemory>>20)
	case available > 0 && c.Memory > available:
		return errdefs.New(errdefs.ErrExhausted, "ask for less with --memory", "the guest's %d MiB of memory do not fit into the %d MiB that the host has left", c.Memory>>20, available>>20)
	}
	for _, d := range c.Disks {
		if (d.Path == "") == (len(d.Partitions) == 0) {
			return errdefs.New(errdefs.ErrInvalid, "", "a disk has either a path or partitions")
		}
	}
	return nil
}
