// SPDX-License-Identifier: MIT OR Apache-2.0

package trial

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

// instance fails where an error is set.
type instance struct {
	status                       client.Status
	execErr, stopErr, closingErr error
	stopped, closed              bool
	deadline                     bool
}

func (i *instance) Tool() string { return "/tool" }
func (i *instance) Exec(ctx context.Context, args ...string) (client.Status, error) {
	_, i.deadline = ctx.Deadline()
	if len(args) != 1 || args[0] != "/tool" {
		return client.Status{}, errors.New("another program")
	}
	return i.status, i.execErr
}
func (i *instance) Processes(context.Context) ([]hypervisor.Process, error) { return nil, nil }
func (i *instance) Stop(context.Context) error                              { i.stopped = true; return i.stopErr }
func (i *instance) Close() error                                            { i.closed = true; return i.closingErr }

func TestRun(t *testing.T) {
	bad := errors.New("bad")
	for _, tc := range []struct {
		name     string
		instance instance
		want     string
	}{
		{"well", instance{}, ""},
		{"no process", instance{execErr: bad}, "running a process on trial: bad"},
		{"a bad process", instance{status: client.Status{Signal: 9}}, "running a process on trial: signal 9 ended it"},
		{"no stop", instance{stopErr: bad}, "stopping one on trial: bad"},
		{"no end", instance{closingErr: bad}, "bad"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			i := &tc.instance
			err := Run(t.Context(), time.Minute, func(context.Context) (target.Instance, error) { return i, nil })
			require.True(t, i.closed)
			require.True(t, i.deadline)
			if tc.want == "" {
				require.NoError(t, err)
				require.True(t, i.stopped)
				return
			}
			require.EqualError(t, err, tc.want)
		})
	}
	err := Run(t.Context(), time.Minute, func(context.Context) (target.Instance, error) { return nil, bad })
	require.EqualError(t, err, "starting one on trial: bad")
	err = Run(t.Context(), 0, func(ctx context.Context) (target.Instance, error) { return nil, context.Cause(ctx) })
	require.EqualError(t, err, "starting one on trial: not done after 0s")
}
