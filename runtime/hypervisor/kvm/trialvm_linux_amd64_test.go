// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/runtime/errdefs"
)

// withMachine runs f on the thread of a vCPU.
func withMachine(t *testing.T, f func(m *trialVM)) {
	t.Helper()
	needKVM(t)
	device, err := openDevice(DefaultDevice)
	require.NoError(t, err)
	defer unix.Close(device)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	m, err := newTrialVM(device)
	require.NoError(t, err)
	defer func() { require.NoError(t, m.close()) }()
	f(m)
}

func TestRun(t *testing.T) {
	withMachine(t, func(m *trialVM) {
		defer m.stopWith(t.Context())()
		for _, turns := range []uint32{1, 2, 3, 1, 1000} {
			instructions, took, err := m.run(t.Context(), turns)
			require.NoError(t, err)
			require.EqualValues(t, instructionsPerTurn*turns, instructions)
			require.Positive(t, took)
		}
	})
}

// TestRunStopped: a guest that would run for seconds, or hours where it is
// interpreted, is stopped, and what it has done is known.
func TestRunStopped(t *testing.T) {
	withMachine(t, func(m *trialVM) {
		_, _, err := m.run(t.Context(), 1) // the first run may take long
		require.NoError(t, err)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		defer m.stopWith(ctx)()

		const turns = math.MaxUint32
		instructions, took, err := m.run(ctx, turns)
		require.NoError(t, err)
		require.Positive(t, instructions)
		require.Less(t, instructions, uint64(instructionsPerTurn*turns))
		require.Less(t, took, 5*time.Second)

		// From here on it does not even start.
		instructions, _, err = m.run(ctx, turns)
		require.NoError(t, err)
		require.Zero(t, instructions)
	})
}

// TestRunFaults: a guest that goes wrong is an error, whatever KVM makes of it.
func TestRunFaults(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(memory []byte)
	}{
		{"no page tables", func(memory []byte) { clear(memory[:codeAddr]) }},
		{"page table outside memory", func(memory []byte) { memory[pml4Addr+2] = 0xff }},
		{"no such instruction", func(memory []byte) { copy(memory[codeAddr:], []byte{0x0f, 0x0b}) }},
		{"leaves its memory", func(memory []byte) { copy(memory[codeAddr:], []byte{0xeb, 0x7f}); clear(memory[codeAddr+2:]) }},
		{"halts at once", func(memory []byte) { memory[codeAddr] = 0xf4 }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			withMachine(t, func(m *trialVM) {
				defer m.stopWith(ctx)()
				tt.spoil(m.memory)
				_, _, err := m.run(ctx, 1000)
				require.ErrorIs(t, err, errdefs.ErrNotSupported)
				require.ErrorContains(t, err, "KVM cannot run 64-bit kernel code: ")
				t.Log(err)
			})
		})
	}
}

// TestNewMachineFails: what has been made until then is freed.
func TestNewMachineFails(t *testing.T) {
	files, mappings, _ := leftBehind(t)
	_, err := newTrialVM(-1)
	require.ErrorIs(t, err, unix.EBADF)
	require.ErrorContains(t, err, "creating a VM: ")
	gotFiles, gotMappings, _ := leftBehind(t)
	require.Equal(t, files, gotFiles)
	require.Equal(t, mappings, gotMappings)
}
