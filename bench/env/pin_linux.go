// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// usableCPUs are the CPUs that this thread may run on, in ascending order.
func usableCPUs() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("asking for the usable CPUs: %w", err)
	}
	var cpus []int
	for cpu := 0; len(cpus) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}

// setOf makes a set of CPUs for the kernel.
func setOf(cpus []int) *unix.CPUSet {
	var set unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	return &set
}

// keepProcess keeps all threads of this process on the CPUs. A thread starts where
// the one that makes it is kept, so it is done when no thread is new.
func keepProcess(cpus []int) error {
	set := setOf(cpus)
	kept := map[string]bool{}
	for news := true; news; {
		news = false
		threads, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return err
		}
		for _, t := range threads {
			if kept[t.Name()] {
				continue
			}
			kept[t.Name()], news = true, true
			id, err := strconv.Atoi(t.Name())
			if err == nil {
				err = unix.SchedSetaffinity(id, set)
			}
			if err != nil && !errors.Is(err, unix.ESRCH) { // it ended meanwhile
				return err
			}
		}
	}
	return nil
}

// onCPUs calls start on a thread that is kept on the CPUs.
func onCPUs(cpus []int, start func() error) error {
	result := make(chan error, 1)
	go func() {
		// Never unlocked: the thread ends with the goroutine and is not used again.
		runtime.LockOSThread()
		if err := unix.SchedSetaffinity(0, setOf(cpus)); err != nil {
			result <- fmt.Errorf("keeping a process on CPUs %s: %w", ranges(cpus), err)
			return
		}
		result <- start()
	}()
	return <-result
}
