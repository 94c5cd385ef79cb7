// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package arcbox

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target"
)

// driver is one that boots nothing.
type driver struct {
	hypervisor.Hypervisor
	report hypervisor.Report
}

func (d driver) Name() string                            { return d.report.Driver }
func (d driver) Probe(context.Context) hypervisor.Report { return d.report }

func open(report hypervisor.Report) func() (*core.Runtime, error) {
	return func() (*core.Runtime, error) {
		return core.New(core.Options{Drivers: []core.Driver{{Hypervisor: driver{report: report}}}})
	}
}

func TestName(t *testing.T) {
	require.Equal(t, "uml", New(Config{Boot: core.BootConfig{Driver: "uml"}}).Name())
	require.Equal(t, "uml:lean", New(Config{Boot: core.BootConfig{Driver: "uml", Kernel: "lean"}}).Name())
}

func TestCheck(t *testing.T) {
	boot := core.BootConfig{Driver: "fast"}
	for want, report := range map[string]hypervisor.Report{
		"":                                  {Driver: "fast", Usable: true},
		"driver fast: no device (make one)": {Driver: "fast", Reason: "no device", Remedy: "make one"},
		"driver fast is not a part of this build": {Driver: "other", Usable: true},
	} {
		err := New(Config{Open: open(report), Boot: boot}).Check(context.Background())
		if want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, target.ErrMissing)
		require.EqualError(t, err, want)
	}
	no := errors.New("no")
	err := New(Config{Open: func() (*core.Runtime, error) { return nil, no }}).Check(context.Background())
	require.ErrorIs(t, err, no)
}

// TestContent: the tool is in a guest that asks for it, and leaves no trace in the
// configuration of another.
func TestContent(t *testing.T) {
	own := make([]core.File, 1, 4)
	own[0] = core.File{Name: "/own"}
	arcbox := New(Config{Boot: core.BootConfig{CPUs: 3, Files: own}, Tool: "/host/probe"})
	want := core.File{Name: "/bin/arcbox-probe", Mode: 0o755, Source: "/host/probe"}
	for range 2 {
		require.Equal(t, core.BootConfig{CPUs: 3, Files: []core.File{own[0], want}}, arcbox.with(target.WithTool))
		require.Equal(t, core.BootConfig{CPUs: 3, Files: []core.File{own[0]}}, arcbox.with(target.Bare))
	}
	require.Equal(t, core.File{}, own[:2][1])
	require.Equal(t, want.Name, (&vm{}).Tool())
}
