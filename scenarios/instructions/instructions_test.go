// SPDX-License-Identifier: MIT OR Apache-2.0

package instructions

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/targettest"
)

var _ scenario.Scenario = Guest{}

// counter is a target whose VMs count.
type counter struct{ *targettest.Booter }

func (c counter) BootCounted(ctx context.Context) (target.CountedVM, error) {
	vm, err := c.Boot(ctx, target.Bare)
	if err != nil {
		return nil, err
	}
	return vm.(target.CountedVM), nil
}

var counts = []record.Value{
	{Value: 500, Unit: target.GuestInstructionsUnit}, {Value: 50, Unit: target.AgentInstructionsUnit}, {Value: 20, Unit: target.ModulesInstructionsUnit},
}

func TestRun(t *testing.T) {
	b := &targettest.Booter{Counts: counts}
	values, err := Guest{}.Run(context.Background(), counter{b})
	require.NoError(t, err)
	require.Equal(t, counts, values)
	require.Len(t, b.Contents, 1)
	require.Zero(t, b.Open)
}

func TestRunFailures(t *testing.T) {
	no := errors.New("no")
	for _, tc := range []struct {
		want   string
		change func(*targettest.Booter)
	}{
		{"booting: no", func(b *targettest.Booter) { b.BootErr = no }},
		{"counting: no", func(b *targettest.Booter) { b.CountsErr = no }},
		{"the target did not count guest_instructions-count", func(b *targettest.Booter) { b.Counts = counts[1:] }},
		{"cleaning up: no", func(b *targettest.Booter) { b.CloseErr = no }},
	} {
		b := &targettest.Booter{Counts: counts}
		tc.change(b)
		values, err := Guest{}.Run(context.Background(), counter{b})
		require.EqualError(t, err, tc.want)
		require.Nil(t, values)
		require.Zero(t, b.Open, "after %q", tc.want)
	}
}

func TestCheck(t *testing.T) {
	require.NoError(t, Guest{}.Check(counter{}))
	plain := &targettest.Booter{}
	require.EqualError(t, Guest{}.Check(plain), "target fake does not count its guest's instructions")
	_, err := Guest{}.Run(context.Background(), plain)
	require.ErrorContains(t, err, "does not count")
	require.Empty(t, plain.Contents)
}

func TestUnitsCoverValues(t *testing.T) {
	units := Guest{}.Units()
	require.Len(t, units, len(counts))
	for i, u := range units {
		require.Equal(t, counts[i].Unit, u.Name)
		require.Equal(t, "lower", u.Better)
		require.Equal(t, 0.01, u.Floor)
	}
}
