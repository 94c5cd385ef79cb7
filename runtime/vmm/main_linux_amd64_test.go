// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
