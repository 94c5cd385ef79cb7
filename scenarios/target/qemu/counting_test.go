// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target"
)

func TestCountSteps(t *testing.T) {
	step := func(name string, instructions time.Duration) client.Step {
		return client.Step{Name: name, At: instructions * instructionTime}
	}
	got, err := countSteps([]client.Step{step("main", 100), step("modules", 1100), step("other", 1150), step("prepared", 1200)})
	require.NoError(t, err)
	require.Equal(t, []record.Value{
		{Value: 200, Unit: target.AgentInstructionsUnit}, {Value: 1000, Unit: target.ModulesInstructionsUnit},
	}, got)

	for name, steps := range map[string][]client.Step{
		"none":         nil,
		"one missing":  {step("main", 1), step("prepared", 3)},
		"out of order": {step("main", 2), step("modules", 1), step("prepared", 3)},
		"negative":     {step("main", -1), step("modules", 1), step("prepared", 3)},
	} {
		values, err := countSteps(steps)
		require.ErrorContains(t, err, "counting instructions: the agent's steps", name)
		require.Nil(t, values, name)
	}
}

func TestCountingMachines(t *testing.T) {
	all := machines(icount, countedTSCKHz)
	require.Equal(t, []machine{{"microvm", icount, 1e6}, {"q35", icount, 1e6}}, all)
	args := all[0].args(Config{CPUs: 1, Memory: 256 << 20}, Guest{})
	for option, want := range map[string]string{
		"-accel": "tcg,thread=single", "-icount": "shift=1,sleep=off", "-seed": "1", "-rtc": "base=2026-01-01T00:00:00,clock=vm", "-cpu": "qemu64,+rdrand",
	} {
		at := slices.Index(args, option)
		require.GreaterOrEqual(t, at, 0, option)
		require.Equal(t, want, args[at+1])
	}
	require.NotContains(t, machine{"q35", tcg, 0}.args(Config{}, Guest{}), "-icount")
}

func TestGuestWithContent(t *testing.T) {
	g := Guest{Initramfs: "/i", WithTool: "/t"}
	bare, err := g.with(target.Bare)
	require.NoError(t, err)
	require.Equal(t, "/i", bare.Initramfs)
	tool, err := g.with(target.WithTool)
	require.NoError(t, err)
	require.Equal(t, "/t", tool.Initramfs)
	_, err = Guest{Initramfs: "/i"}.with(target.WithTool)
	require.ErrorContains(t, err, "without the lab's tool")
}

func TestLaunchArgs(t *testing.T) {
	require.Empty(t, launchOptions{}.args(1<<20))
	s, err := newSnapshot(1<<20 + 1023)
	require.NoError(t, err)
	defer s.close()
	info, err := s.memory.Stat()
	require.NoError(t, err)
	require.EqualValues(t, 1<<20, info.Size())
	saved := launchOptions{monitored: true, memory: s.memory, shared: true}.args(1<<20 + 1023)
	require.Contains(t, saved, "socket,id=monitor,fd=4")
	require.Contains(t, saved, "memory-backend-file,id=ram,size=1024k,mem-path=/dev/fd/5,share=on")
	require.NotContains(t, saved, "-incoming")
	resumed := launchOptions{monitored: true, memory: s.memory, state: s.state}.args(1 << 20)
	require.Contains(t, resumed, "memory-backend-file,id=ram,size=1024k,mem-path=/dev/fd/5,share=off")
	require.Contains(t, resumed, "-incoming")
}
