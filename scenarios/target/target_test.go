// SPDX-License-Identifier: MIT OR Apache-2.0

package target_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/targettest"
)

var errNo = errors.New("no")

func TestMissingError(t *testing.T) {
	err := &target.MissingError{What: "x is not installed", Remedy: "install it"}
	require.ErrorIs(t, err, target.ErrMissing)
	require.EqualError(t, err, "x is not installed (install it)")
	require.EqualError(t, &target.MissingError{What: "x"}, "x")
}

func TestChecks(t *testing.T) {
	for _, tc := range []struct {
		target        target.Target
		starts, boots bool
	}{
		{targettest.Plain{}, false, false},
		{targettest.Starter{}, true, false},
		{&targettest.Booter{}, true, true},
	} {
		require.Equal(t, tc.starts, target.CheckStarts(tc.target) == nil, "%T", tc.target)
		require.Equal(t, tc.boots, target.CheckBoots(tc.target) == nil, "%T", tc.target)
	}
	require.EqualError(t, target.CheckStarts(targettest.Plain{}), "target fake runs no processes")
	require.EqualError(t, target.CheckBoots(targettest.Plain{}), "target fake does not boot VMs")
}

// TestStartOn: whatever is started has the tool in it.
func TestStartOn(t *testing.T) {
	ctx := context.Background()
	b := &targettest.Booter{}
	for _, from := range []target.Target{b, targettest.Starter{Systems: b}} {
		instance, err := target.StartOn(ctx, from)
		require.NoError(t, err)
		require.NoError(t, target.RunTool(ctx, instance, "touch", "5"))
		require.NoError(t, instance.Close())
	}
	require.Equal(t, []target.Content{target.WithTool, target.WithTool}, b.Contents)
	require.Equal(t, [][]string{{targettest.Tool, "touch", "5"}, {targettest.Tool, "touch", "5"}}, b.Executed)

	_, err := target.StartOn(ctx, targettest.Plain{})
	require.EqualError(t, err, "target fake runs no processes")
	_, err = target.StartOn(ctx, &targettest.Booter{BootErr: errNo})
	require.ErrorIs(t, err, errNo)
}

func TestRunTool(t *testing.T) {
	for _, tc := range []struct {
		booter *targettest.Booter
		want   string
	}{
		{&targettest.Booter{Status: client.Status{Code: 2}}, "it ended with status 2"},
		{&targettest.Booter{Status: client.Status{Signal: 9}}, "signal 9 ended it"},
		{&targettest.Booter{ExecErr: errNo}, "no"},
	} {
		instance, err := target.StartOn(context.Background(), tc.booter)
		require.NoError(t, err)
		require.EqualError(t, target.RunTool(context.Background(), instance), tc.want)
	}
}

func TestSample(t *testing.T) {
	one := []record.Value{{Value: 1, Unit: "x-ns"}}
	for _, tc := range []struct {
		taking, closing error
		want            string // the error
	}{
		{nil, nil, ""},
		{errNo, nil, "no"},
		{nil, errNo, "cleaning up: no"},
		{errNo, errNo, "no; cleaning up: no"},
	} {
		b := &targettest.Booter{CloseErr: tc.closing}
		vm, err := b.Boot(context.Background(), target.Bare)
		require.NoError(t, err)
		got, err := target.Sample(vm, func() ([]record.Value, error) { return one, tc.taking })
		if tc.want == "" {
			require.NoError(t, err)
			require.Equal(t, one, got)
		} else {
			require.EqualError(t, err, tc.want)
			require.Nil(t, got)
		}
		require.Zero(t, b.Open, "after %q", tc.want)
	}
}
