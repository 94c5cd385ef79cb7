// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"arcbox.dev/scenarios/target"
)

// snapshot is a booted VM at rest: its memory, and the state of its CPU and devices.
// Neither is a file with a name, so that nothing is left of it in any case.
type snapshot struct{ memory, state *os.File }

func (s *snapshot) close() error { return errors.Join(s.memory.Close(), s.state.Close()) }

// newSnapshot returns files to save a VM in.
func newSnapshot(size uint64) (*snapshot, error) {
	memory, err := anonymousFile("memory")
	if err != nil {
		return nil, err
	}
	state, err := anonymousFile("state")
	if err != nil {
		return nil, errors.Join(err, memory.Close())
	}
	s := &snapshot{memory, state}
	if err := memory.Truncate(int64(size >> 10 << 10)); err != nil { // QEMU is told the size in KiB
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// takeSnapshot boots a VM and saves it when its agent serves and nobody has called
// it: whoever resumes it is its first caller, and the agent need not notice.
func (t *Target) takeSnapshot(ctx context.Context) (*snapshot, error) {
	s, err := newSnapshot(t.config.Memory)
	if err != nil {
		return nil, fmt.Errorf("making files for a snapshot: %w", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, trialLimit, fmt.Errorf("not saved after %v", trialLimit))
	defer cancel()
	vm, err := t.launch(t.guest, launchOptions{monitored: true, memory: s.memory, shared: true})
	if err == nil {
		err = vm.ask(ctx, s.save)
		vm.close()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("taking a snapshot: %w", err), s.close())
	}
	return s, nil
}

// Names in QEMU's monitor.
const (
	portEvent      = "VSERPORT_CHANGE" // the guest has opened or closed a console port
	migrationEvent = "MIGRATION"
	savedState     = "state" // the descriptor by which the state is passed
)

// save waits for the agent and saves the VM, which then stands still.
func (s *snapshot) save(ctx context.Context, m *monitor) error {
	if err := m.greet(ctx); err != nil {
		return err
	}
	if _, err := m.await(ctx, portEvent, func(e eventData) bool { return e.ID == agentDevice && e.Open }); err != nil {
		return err
	}
	if err := leaveMemory(ctx, m); err != nil {
		return err
	}
	if err := m.call(ctx, "getfd", map[string]string{"fdname": savedState}, nil, s.state); err != nil {
		return err
	}
	if err := m.call(ctx, "migrate", map[string]string{"uri": "fd:" + savedState}, nil); err != nil {
		return err
	}
	end, err := m.await(ctx, migrationEvent, func(e eventData) bool { return e.Status == "completed" || e.Status == "failed" })
	if err == nil && end.Status == "failed" {
		err = errors.New("saving the state failed")
	}
	return err
}

// restore has a VM that was started for it go on from the state.
func restore(ctx context.Context, m *monitor) error {
	if err := m.greet(ctx); err != nil {
		return err
	}
	if err := leaveMemory(ctx, m); err != nil {
		return err
	}
	return m.call(ctx, "migrate-incoming", map[string]string{"uri": fmt.Sprintf("fd:%d", stateFD)}, nil)
}

// leaveMemory has states hold no memory that is in a file of its own, and asks for
// events of migrations.
func leaveMemory(ctx context.Context, m *monitor) error {
	type capability struct {
		Capability string `json:"capability"`
		State      bool   `json:"state"`
	}
	return m.call(ctx, "migrate-set-capabilities", map[string][]capability{
		"capabilities": {{"x-ignore-shared", true}, {"events", true}},
	}, nil)
}

// Resume starts a VM from the snapshot. Pages are copied when it writes to them.
func (t *Target) Resume(ctx context.Context) (target.VM, error) {
	if t.snapshot == nil {
		return nil, errors.Join(errors.New("resuming QEMU: there is no snapshot"), t.refusal)
	}
	// Every QEMU reads on from where the one before stopped.
	if _, err := t.snapshot.state.Seek(0, io.SeekStart); err != nil {
		return nil, fmt.Errorf("resuming QEMU: %w", err)
	}
	run, err := t.launch(t.guest, launchOptions{monitored: true, memory: t.snapshot.memory, state: t.snapshot.state})
	if err != nil {
		return nil, err
	}
	if err := run.ask(ctx, restore); err != nil {
		return nil, err
	}
	vm, err := run.reach(ctx)
	if err != nil {
		return nil, err
	}
	return vm, nil
}
