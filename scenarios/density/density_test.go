// SPDX-License-Identifier: MIT OR Apache-2.0

package density

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/targettest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errNo = errors.New("no")

// available is a host that has 1000 bytes at first and 800 after that.
func available() func() (uint64, error) {
	left := []uint64{1000, 800}
	return func() (uint64, error) {
		now := left[0]
		left = left[1:]
		return now, nil
	}
}

func scenario() Scenario {
	return Scenario{Limit: 50, Max: 8, Settle: time.Millisecond, Available: available()}
}

// of has VMs of 10 bytes each.
func of() *targettest.Booter {
	return &targettest.Booter{VMProcesses: []hypervisor.Process{{PSS: 6}, {PSS: 4}}}
}

func TestRun(t *testing.T) {
	for name, tc := range map[string]struct {
		limit       uint64
		max         int
		vms, booted float64
	}{
		"the limit is passed":  {49, 8, 4, 5},
		"the limit is reached": {50, 8, 5, 6},
		"the maximum":          {50, 3, 3, 3},
		"none fits":            {9, 8, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			b, s := of(), scenario()
			s.Limit, s.Max = tc.limit, tc.max
			require.NoError(t, s.Check(b))
			values, err := s.Run(context.Background(), b)
			require.NoError(t, err)
			require.Zero(t, b.Open)
			require.Len(t, b.Contents, int(tc.booted))
			require.Equal(t, target.Bare, b.Contents[0])
			for i, u := range s.Units() {
				require.Equal(t, u.Name, values[i].Unit)
			}
			require.Equal(t, 10.0, values[0].Value)
			require.Equal(t, tc.vms, values[1].Value)
			require.Equal(t, 200/tc.booted, values[2].Value)
			require.Positive(t, values[3].Value)
		})
	}
}

// TestSharing: the cost is that of all VMs beside each other, after they settled.
func TestSharing(t *testing.T) {
	b, s := of(), scenario()
	s.Limit, s.Max = 1000, 4
	b.Memory = func(vm, _, reads int) []hypervisor.Process {
		last := reads == 4-vm+2 // of a VM: one for each boot from its own on, and the last one
		if last {
			return []hypervisor.Process{{PSS: 3}}
		}
		return []hypervisor.Process{{PSS: 10}}
	}
	values, err := s.Run(context.Background(), b)
	require.NoError(t, err)
	require.Equal(t, record.Value{Value: 3, Unit: costUnit}, values[0])
}

// TestUnknownAvailable: without that figure of the host there are the others.
func TestUnknownAvailable(t *testing.T) {
	s := scenario()
	s.Available = func() (uint64, error) { return 0, errors.ErrUnsupported }
	values, err := s.Run(context.Background(), of())
	require.NoError(t, err)
	require.Len(t, values, 3)
	_, ok := record.Sample{Values: values}.Value(availableUnit)
	require.False(t, ok)
}

func TestRunFailures(t *testing.T) {
	require.EqualError(t, Scenario{}.Check(targettest.Starter{}), "target fake does not boot VMs")
	for want, change := range map[string]func(*targettest.Booter, *Scenario){
		"booting VM 1: no":               func(b *targettest.Booter, _ *Scenario) { b.BootErr = errNo },
		"booting VM 4: no":               func(b *targettest.Booter, _ *Scenario) { b.BootErr, b.BootsBefore = errNo, 3 },
		"reading the memory of VM 1: no": func(b *targettest.Booter, _ *Scenario) { b.ProcessesErr = errNo },
		"reading the memory of VM 1: the target named no process of it": func(b *targettest.Booter, _ *Scenario) { b.VMProcesses = nil },
		"no": func(_ *targettest.Booter, s *Scenario) { s.Available = func() (uint64, error) { return 0, errNo } },
		"no no": func(_ *targettest.Booter, s *Scenario) {
			first := true
			s.Available = func() (uint64, error) {
				if first {
					first = false
					return 1000, nil
				}
				return 0, errors.New("no no")
			}
		},
		"cleaning up: VM 1: no\nVM 2: no": func(b *targettest.Booter, s *Scenario) { b.CloseErr, s.Max = errNo, 2 },
		"booting VM 2: no; cleaning up: VM 1: no": func(b *targettest.Booter, _ *Scenario) {
			b.BootErr, b.BootsBefore, b.CloseErr = errNo, 1, errNo
		},
	} {
		b, s := of(), scenario()
		change(b, &s)
		values, err := s.Run(context.Background(), b)
		require.EqualError(t, err, want)
		require.Nil(t, values)
		require.Zero(t, b.Open, "after %q", want)
	}
}

// TestCancelled: a run that is ended leaves no VM, whether it boots or waits.
func TestCancelled(t *testing.T) {
	for _, at := range []int{1, 3} {
		ctx, cancel := context.WithCancelCause(context.Background())
		b, s := of(), scenario()
		s.Max, s.Settle = 3, time.Hour
		b.Memory = func(vm, _, _ int) []hypervisor.Process {
			if vm == at {
				cancel(errNo)
			}
			return []hypervisor.Process{{PSS: 1}}
		}
		_, err := s.Run(ctx, b)
		require.ErrorIs(t, err, errNo)
		require.Len(t, b.Contents, at)
		require.Zero(t, b.Open)
	}
}
