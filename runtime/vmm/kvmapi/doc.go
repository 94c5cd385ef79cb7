// SPDX-License-Identifier: MIT OR Apache-2.0

// Package kvmapi holds the KVM ioctls that github.com/bobuhiro11/gokvm/kvm lacks
// or cannot be trusted with (Documentation/virt/kvm/api.rst).
//
// Types, constants and ioctls with an integer argument are gokvm's. Those with a
// pointer are here: gokvm turns the pointer into an integer before it calls a
// function that may move the stack, and when that happens the kernel reads and
// writes memory that is no longer the caller's. So is KVM_RUN, since gokvm's
// reports an interrupted run as a successful one. A type of gokvm's that has not
// the kernel's size (its routing entries) or is a slice in disguise (its CPUID and
// MSR lists) has a replacement here.
//
// Errors are the bare errno; the caller says what it was doing.
package kvmapi
