// SPDX-License-Identifier: MIT OR Apache-2.0

package host

// firstUser is where the users of VMs begin, far above those of accounts and of the
// usual subordinate ranges.
const firstUser = 1_900_000_000

// VMUser is the user id, and the group id, that belongs to the VM of the VMM process
// pid alone. Where the VMM runs as root, what has to do with the guest becomes that user.
func VMUser(pid int) int { return firstUser + pid }
