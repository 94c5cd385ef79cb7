// SPDX-License-Identifier: MIT OR Apache-2.0

package memory

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target/targettest"
)

var errNo = errors.New("no")

var processes = []hypervisor.Process{
	{PID: 1, Role: "vmm", PSS: 10, Anon: 4, File: 5, Shmem: 1},
	{PID: 2, Role: "guest", PSS: 30, Anon: 10, File: 0, Shmem: 20},
	{PID: 3, Role: "guest", PSS: 3, Anon: 1, File: 1, Shmem: 1},
}

func booter() *targettest.Booter {
	return &targettest.Booter{VMProcesses: processes, Info: &client.Info{MemoryTotal: 200, MemoryAvailable: 150}}
}

// failures are those that every scenario here has in common.
var failures = map[string]func(*targettest.Booter){
	"booting: no":                                  func(b *targettest.Booter) { b.BootErr = errNo },
	"reading the VM's memory: no":                  func(b *targettest.Booter) { b.ProcessesErr = errNo },
	"the target named no process of its VM":        func(b *targettest.Booter) { b.VMProcesses = nil },
	"asking the guest for its memory: no":          func(b *targettest.Booter) { b.InfoErr = errNo },
	"cleaning up: no":                              func(b *targettest.Booter) { b.CloseErr = errNo },
	"reading the VM's memory: no; cleaning up: no": func(b *targettest.Booter) { b.ProcessesErr, b.CloseErr = errNo, errNo },
}

func testFailures(t *testing.T, s scenario.Scenario, more map[string]func(*targettest.Booter)) {
	t.Helper()
	require.EqualError(t, s.Check(targettest.Plain{}), "target fake does not boot VMs")
	for _, cases := range []map[string]func(*targettest.Booter){failures, more} {
		for want, change := range cases {
			b := booter()
			change(b)
			values, err := s.Run(context.Background(), b)
			require.EqualError(t, err, want)
			require.Nil(t, values)
			require.Zero(t, b.Open, "after %q", want)
		}
	}
}
