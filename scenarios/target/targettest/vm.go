// SPDX-License-Identifier: MIT OR Apache-2.0

package targettest

import (
	"context"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
)

// Tool is the path of the lab's tool in a VM.
const Tool = "/fake/arcbox-probe"

type vm struct {
	b            *Booter
	number       int
	execs, reads int
}

func (v *vm) Tool() string { return Tool }

func (v *vm) Marks(context.Context) []events.Mark { return v.b.BootMarks }

func (v *vm) Exec(ctx context.Context, args ...string) (client.Status, error) {
	if err := context.Cause(ctx); err != nil {
		return client.Status{}, err
	}
	v.b.mu.Lock()
	defer v.b.mu.Unlock()
	v.execs++
	v.b.Executed = append(v.b.Executed, args)
	return v.b.Status, v.b.ExecErr
}

func (v *vm) Processes(context.Context) ([]hypervisor.Process, error) {
	v.reads++
	if v.b.Memory != nil && v.b.ProcessesErr == nil {
		return v.b.Memory(v.number, v.execs, v.reads), nil
	}
	return v.b.VMProcesses, v.b.ProcessesErr
}

func (v *vm) Stop(context.Context) error {
	time.Sleep(v.b.StopTime)
	return v.b.StopErr
}

func (v *vm) Close() error {
	v.b.mu.Lock()
	defer v.b.mu.Unlock()
	v.b.Open--
	return v.b.CloseErr
}

// tellingVM has what a VM may have besides.
type tellingVM struct{ *vm }

func (v *tellingVM) Info(context.Context) (client.Info, error) {
	if v.b.Info == nil {
		return client.Info{}, v.b.InfoErr
	}
	return *v.b.Info, v.b.InfoErr
}

func (v *tellingVM) Counts(context.Context) ([]record.Value, error) {
	return v.b.Counts, v.b.CountsErr
}
