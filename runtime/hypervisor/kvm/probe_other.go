// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux || !amd64

package kvm

import (
	"context"
	"runtime"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

func probe(context.Context, string, *hypervisor.Report) error {
	return errdefs.New(errdefs.ErrNotSupported, "use another driver",
		"the kvm driver runs on Linux on x86-64, not on %s/%s", runtime.GOOS, runtime.GOARCH)
}
