// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build !linux

package env

import (
	"errors"
	"fmt"
)

// usableCPUs has no answer here: the system places threads itself.
func usableCPUs() ([]int, error) {
	return nil, fmt.Errorf("this system does not let processes choose CPUs: %w", errors.ErrUnsupported)
}

func keepProcess([]int) error { return errors.ErrUnsupported }

func onCPUs([]int, func() error) error { return errors.ErrUnsupported }
