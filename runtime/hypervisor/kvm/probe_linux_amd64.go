// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
)

// trialLimit ends the guest's trial, whatever it got done by then. No KVM seen so
// far needs more than 15 ms, but one that is emulated in software: 0.2 to 1 s.
const trialLimit = 3 * time.Second

// probe returns nil if a VM can run here, and otherwise why not. It adds to the
// report what it learns on the way.
func probe(ctx context.Context, path string, report *hypervisor.Report) error {
	device, err := openDevice(path)
	if err != nil {
		return err
	}
	defer unix.Close(device) // nothing was written, so that nothing can get lost

	report.Version = fmt.Sprintf("KVM API %d", apiVersion)
	if err := checkExtensions(device); err != nil {
		return err
	}

	limited, cancel := context.WithTimeout(ctx, trialLimit)
	defer cancel()
	speed, err := tryGuest(limited, device)
	if ctx.Err() != nil {
		return errdefs.New(errdefs.ErrUnavailable, "", "probing KVM: %w", context.Cause(ctx))
	}
	if err != nil {
		return err
	}
	report.Notes = append(report.Notes, speed.notes()...)
	return speed.verdict()
}
