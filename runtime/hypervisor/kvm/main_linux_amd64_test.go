// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"testing"

	"go.uber.org/goleak"

	"arcbox.dev/runtime/hypervisor/hvtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(int) { hvtest.RemoveAgent() }))
}
