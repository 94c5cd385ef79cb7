// SPDX-License-Identifier: MIT OR Apache-2.0

package count

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"arcbox.dev/bench/record"
)

// Tree counts for this process and all that it starts.
type Tree struct {
	events []int // perf events, in the order of treeUnits
	before []uint64
}

// eventsVariable carries the numbers of the events' descriptors over the exec.
const eventsVariable = "ARCBOX_COUNT_EVENTS"

// Reexec returns the meter of this process's tree, for which it executes the program
// once more: it is to be the first call of a main function, as nothing that went
// before survives. An event counts for the threads that a counted thread creates
// (perf_event_open(2), inherit), so that a Go program, which has threads before its
// first line, can be counted as a whole only if its first thread was counted when it
// began. An event stays with its thread over an exec, which ends all others.
//
// The error says in one line why system calls cannot be counted here; the program
// has not been executed again then.
//
// Counting is not for nothing: it slows each system call and each context switch of
// the tree down, and with them a boot of 33 ms by 2 or 3 ms.
func Reexec() (*Tree, error) {
	if passed, ok := os.LookupEnv(eventsVariable); ok {
		if err := os.Unsetenv(eventsVariable); err != nil {
			return nil, fmt.Errorf("counting system calls: %w", err)
		}
		return adopt(passed)
	}
	runtime.LockOSThread() // the events are this thread's, and it is the one that goes on
	defer runtime.UnlockOSThread()
	events, err := open()
	if err != nil {
		return nil, fmt.Errorf("counting system calls: %w", err)
	}
	numbers := make([]string, len(events))
	for i, fd := range events {
		numbers[i] = strconv.Itoa(fd)
	}
	env := append(os.Environ(), eventsVariable+"="+strings.Join(numbers, ","))
	err = unix.Exec("/proc/self/exe", os.Args, env)
	closeAll(events)
	return nil, fmt.Errorf("counting system calls: executing this program again: %w", err)
}

// adopt makes a Tree of the descriptors that the program before the exec opened.
func adopt(passed string) (*Tree, error) {
	numbers := strings.Split(passed, ",")
	if len(numbers) != len(treeUnits) {
		return nil, fmt.Errorf("counting system calls: %s=%q does not name %d events", eventsVariable, passed, len(treeUnits))
	}
	t := &Tree{}
	for _, number := range numbers {
		fd, err := strconv.ParseUint(number, 10, 31)
		if err == nil {
			err = checkEvent(int(fd))
		}
		if err != nil {
			return nil, fmt.Errorf("counting system calls: %s=%q: %w", eventsVariable, passed, err)
		}
		unix.CloseOnExec(int(fd)) // what this process starts has no use for it
		t.events = append(t.events, int(fd))
	}
	return t, nil
}

// checkEvent refuses a descriptor that is no perf event.
func checkEvent(fd int) error {
	const event = "anon_inode:[perf_event]"
	name, err := os.Readlink(fmt.Sprintf("/proc/self/fd/%d", fd))
	if err == nil && name != event {
		err = fmt.Errorf("descriptor %d is %s and no event", fd, name)
	}
	return err
}

// Units returns the units of the counts, the steadiest first.
func (*Tree) Units() []record.Unit { return append([]record.Unit(nil), treeUnits...) }

// Start begins to count.
func (t *Tree) Start() (err error) {
	t.before, err = t.read()
	return err
}

// Stop returns what there was since Start, also of processes that have ended.
func (t *Tree) Stop() ([]record.Value, error) {
	if t.before == nil {
		return nil, errNotStarted
	}
	after, err := t.read()
	if err != nil {
		return nil, err
	}
	values := make([]record.Value, len(after))
	for i := range after {
		values[i] = record.Value{Value: float64(after[i] - t.before[i]), Unit: treeUnits[i].Name}
	}
	t.before = nil
	return values, nil
}

// read returns the totals so far.
func (t *Tree) read() ([]uint64, error) {
	totals := make([]uint64, len(t.events))
	for i, fd := range t.events {
		var b [8]byte
		n, err := unix.Read(fd, b[:])
		if err == nil && n != len(b) {
			err = errors.New("it is cut off")
		}
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", treeUnits[i].Name, err)
		}
		totals[i] = binary.NativeEndian.Uint64(b[:])
	}
	return totals, nil
}
