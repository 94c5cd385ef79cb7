// SPDX-License-Identifier: MIT OR Apache-2.0

package count

import (
	"errors"
	"fmt"
	"io/fs"

	"golang.org/x/sys/unix"
)

// open opens the events of treeUnits for the calling thread and those that it will
// create, in whatever process.
func open() ([]int, error) {
	tracepoint, err := tracepointID()
	if err != nil {
		return nil, err
	}
	var events []int
	for _, e := range []struct {
		kind   uint32
		config uint64
		filter string
	}{
		{unix.PERF_TYPE_TRACEPOINT, tracepoint, steadyFilter()},
		{unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_PAGE_FAULTS, ""},
		{unix.PERF_TYPE_TRACEPOINT, tracepoint, ""},
		{unix.PERF_TYPE_SOFTWARE, unix.PERF_COUNT_SW_CONTEXT_SWITCHES, ""},
	} {
		fd, err := openEvent(e.kind, e.config, e.filter)
		if err != nil {
			closeAll(events)
			return nil, err
		}
		events = append(events, fd)
	}
	return events, nil
}

// openEvent opens one event. Its descriptor outlives an exec.
func openEvent(kind uint32, config uint64, filter string) (int, error) {
	fd, err := unix.PerfEventOpen(&unix.PerfEventAttr{
		Type: kind, Config: config,
		Size: unix.PERF_ATTR_SIZE_VER0, // later versions add nothing that is used here
		Bits: unix.PerfBitInherit,
	}, 0, -1, -1, 0)
	if err != nil {
		return -1, fmt.Errorf("opening a perf event: %w", withRemedy(err))
	}
	if filter == "" {
		return fd, nil
	}
	if err := unix.IoctlSetString(fd, unix.PERF_EVENT_IOC_SET_FILTER, filter); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("filtering system calls: %w", err)
	}
	return fd, nil
}

// withRemedy says what to do about an error.
func withRemedy(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("needs root, or CAP_PERFMON and CAP_SYS_ADMIN: %w", err)
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ENODEV), errors.Is(err, unix.ENOSYS):
		return fmt.Errorf("needs a kernel with CONFIG_FTRACE_SYSCALLS and CONFIG_PERF_EVENTS: %w", err)
	}
	return err
}

func closeAll(events []int) {
	for _, fd := range events {
		unix.Close(fd)
	}
}
