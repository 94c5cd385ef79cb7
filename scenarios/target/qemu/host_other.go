// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package qemu

import "arcbox.dev/scenarios/target"

func kvmUsable() error { return &target.MissingError{What: "KVM is a part of Linux"} }

func tscKHz() uint64 { return 0 }
