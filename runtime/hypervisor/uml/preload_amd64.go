// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import "arcbox.dev/runtime/hypervisor/uml/xstate"

func preloadLibrary() []byte { return xstate.Library() }
