// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"fmt"
	"strconv"
	"strings"
)

// minPinned is the fewest CPUs of which one can be spared for the lab itself.
const minPinned = 4

// Pinning says on which CPUs the lab and what it measures are kept, so that
// neither disturbs the other. The zero value keeps nothing anywhere.
type Pinning struct {
	Lab, Measured []int // numbers of CPUs; both empty where nothing is pinned

	reason string // why nothing is
}

// PlanPinning divides the CPUs that this process may use: the last one is for the
// lab, the others for what it measures. With fewer than four nothing is pinned.
func PlanPinning() Pinning {
	cpus, err := usableCPUs()
	if err != nil {
		return Pinning{reason: err.Error()}
	}
	return divide(cpus)
}

// divide plans for these CPUs, in ascending order.
func divide(cpus []int) Pinning {
	if len(cpus) < minPinned {
		return Pinning{reason: fmt.Sprintf("%d usable CPUs are too few", len(cpus))}
	}
	last := len(cpus) - 1
	return Pinning{Lab: cpus[last:], Measured: cpus[:last]}
}

// String says it for a record: "lab on 7, targets on 0-6", or "none" and why.
func (p Pinning) String() string {
	switch {
	case len(p.Measured) > 0:
		return "lab on " + ranges(p.Lab) + ", targets on " + ranges(p.Measured)
	case p.reason != "":
		return "none: " + p.reason
	}
	return "none"
}

// Apply keeps this process, with all its threads, on the lab's CPUs.
func (p Pinning) Apply() error {
	if len(p.Lab) == 0 {
		return nil
	}
	if err := keepProcess(p.Lab); err != nil {
		return fmt.Errorf("keeping the lab on CPU %s: %w", ranges(p.Lab), err)
	}
	return nil
}

// Start calls start, which starts a process, so that this process and all that it
// starts are kept on the CPUs of what is measured.
func (p Pinning) Start(start func() error) error {
	if len(p.Measured) == 0 {
		return start()
	}
	return onCPUs(p.Measured, start)
}

// ranges shows CPUs in ascending order as the kernel does: "0-2,5".
func ranges(cpus []int) string {
	var parts []string
	for i := 0; i < len(cpus); {
		j := i
		for j+1 < len(cpus) && cpus[j+1] == cpus[j]+1 {
			j++
		}
		part := strconv.Itoa(cpus[i])
		if j > i {
			part += "-" + strconv.Itoa(cpus[j])
		}
		parts = append(parts, part)
		i = j + 1
	}
	return strings.Join(parts, ",")
}
