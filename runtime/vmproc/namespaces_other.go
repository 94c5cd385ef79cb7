// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix && !linux

package vmproc

import "syscall"

// ownNamespaces returns nil: only Linux has namespaces.
func ownNamespaces() *syscall.SysProcAttr { return nil }
