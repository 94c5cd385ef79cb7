// SPDX-License-Identifier: MIT OR Apache-2.0

package density

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"arcbox.dev/scenarios/target"
)

// fleet is all VMs of a sample.
type fleet []target.VM

// boot adds a VM.
func (f *fleet) boot(ctx context.Context, booter target.Booter) error {
	vm, err := booter.Boot(ctx, target.Bare)
	if err != nil {
		return fmt.Errorf("booting VM %d: %w", len(*f)+1, err)
	}
	*f = append(*f, vm)
	return nil
}

// pss sums up the memory of all VMs, in bytes. It is read anew for each: the more VMs
// share a page, the less of it each one has.
func (f *fleet) pss(ctx context.Context) (uint64, error) {
	var sum uint64
	for i, vm := range *f {
		processes, err := vm.Processes(ctx)
		if err == nil && len(processes) == 0 {
			err = errors.New("the target named no process of it")
		}
		if err != nil {
			return 0, fmt.Errorf("reading the memory of VM %d: %w", i+1, err)
		}
		for _, p := range processes {
			sum += p.PSS
		}
	}
	return sum, nil
}

// Close ends all VMs at once.
func (f *fleet) Close() error {
	errs := make([]error, len(*f))
	var closing sync.WaitGroup
	for i, vm := range *f {
		closing.Go(func() {
			if err := vm.Close(); err != nil {
				errs[i] = fmt.Errorf("VM %d: %w", i+1, err)
			}
		})
	}
	closing.Wait()
	return errors.Join(errs...)
}
