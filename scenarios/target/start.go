// SPDX-License-Identifier: MIT OR Apache-2.0

package target

import (
	"context"
	"fmt"
	"io"

	"arcbox.dev/bench/record"
)

// CheckStarts says why StartOn cannot start anything on the target, if so.
func CheckStarts(t Target) error {
	switch t.(type) {
	case Starter, Booter:
		return nil
	}
	return fmt.Errorf("target %s runs no processes", t.Name())
}

// CheckBoots says why the target is no Booter, if so.
func CheckBoots(t Target) error {
	if _, ok := t.(Booter); !ok {
		return fmt.Errorf("target %s does not boot VMs", t.Name())
	}
	return nil
}

// StartOn starts an instance with the lab's tool in it, in the way that the target
// has. The caller closes it.
func StartOn(ctx context.Context, t Target) (Instance, error) {
	switch t := t.(type) {
	case Starter:
		return t.Start(ctx)
	case Booter:
		return t.Boot(ctx, WithTool)
	}
	return nil, CheckStarts(t)
}

// Sample takes values of what runs, such as an Instance, and closes it, whatever
// came of that. When either goes wrong there are no values.
func Sample(runs io.Closer, take func() ([]record.Value, error)) ([]record.Value, error) {
	values, err := take()
	closing := runs.Close()
	switch {
	case err != nil && closing != nil:
		return nil, fmt.Errorf("%w; cleaning up: %w", err, closing)
	case err != nil:
		return nil, err
	case closing != nil:
		return nil, fmt.Errorf("cleaning up: %w", closing)
	}
	return values, nil
}
