// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package confine

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// changesUser tells whether the process is to become that user: it is root, and the
// id exists in its user namespace.
func changesUser(user int) (bool, error) {
	if os.Geteuid() != 0 || user == 0 {
		return false, nil
	}
	f, err := os.Open("/proc/self/uid_map")
	if err != nil {
		return false, fmt.Errorf("reading the user ids that there are: %w", err)
	}
	defer f.Close()
	return mapped(f, uint64(user)), nil
}

// mapped tells whether a user id is in a table of them (user_namespaces(7)): lines
// of the first id inside, the first outside, and their number.
func mapped(table io.Reader, user uint64) bool {
	for lines := bufio.NewScanner(table); lines.Scan(); {
		var first, outside, n uint64
		if _, err := fmt.Sscan(lines.Text(), &first, &outside, &n); err == nil && user >= first && user-first < n {
			return true
		}
	}
	return false
}

// changeUser changes user and group of all threads, as package syscall does it.
func changeUser(id int) error {
	if err := syscall.Setgroups(nil); err != nil {
		return fmt.Errorf("dropping groups: %w", err)
	}
	if err := syscall.Setresgid(id, id, id); err != nil {
		return fmt.Errorf("changing the group: %w", err)
	}
	if err := syscall.Setresuid(id, id, id); err != nil {
		return fmt.Errorf("changing the user: %w", err)
	}
	return nil
}

// Securebits (capabilities(7)): root gains nothing by being root, no capability
// passes on to a new program, and none of that can be taken back.
const (
	noRoot         = 1<<0 | 1<<1
	fixupLocked    = 1 << 3
	keepCapsLocked = 1 << 5
	noAmbientRaise = 1<<6 | 1<<7
	rootIsNobody   = noRoot | fixupLocked | keepCapsLocked | noAmbientRaise
)

// dropRights closes the ways to regain capabilities. The bounding set is left as it
// is: it bounds what a new program may gain, and with these bits, no_new_privs and a
// filter that refuses execve that is nothing, while dropping it takes 41 calls on each thread.
func dropRights() error {
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_PRCTL, unix.PR_SET_SECUREBITS, rootIsNobody, 0)
	if errno != 0 && errno != unix.EPERM { // an ordinary user has none to regain
		return fmt.Errorf("locking the rights of root: %w", errno)
	}
	return nil
}
