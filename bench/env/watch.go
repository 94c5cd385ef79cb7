// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"fmt"
	"strings"
	"time"
)

// What a Watch says is bounded by what its sources can tell. The kernel shows CPU
// time in ticks, and a difference of rounded totals is off by up to one tick each:
// idle, waiting and stolen time make three. So others must have used more than that,
// however short the sample was, and more than MaxBusy of the CPUs.
const (
	tick       = 10 * time.Millisecond // of /proc/stat: USER_HZ is 100 on every supported architecture
	minOthers  = 3 * tick
	minStolen  = 2 * tick
	minJump    = 100 * time.Millisecond // clocks are not read at the very same moment
	minSwapped = 10                     // pages
)

// Watch finds out what else the machine did while a sample was taken.
type Watch struct {
	read   func() reading
	before reading
}

// reading is what a machine says of itself at one moment. Times are totals.
type reading struct {
	// mono is the monotonic clock, which stands still while the machine sleeps; boot
	// is the same and goes on; wall is the time of day. From any three origins.
	mono, boot, wall time.Duration

	cpus      int           // that are online; 0 where the CPUs cannot be watched
	idle      time.Duration // of all CPUs
	stolen    time.Duration // of all CPUs, by a hypervisor below
	lab       time.Duration // CPU time of this process
	swapped   uint64        // pages, in and out
	throttled uint64        // times that a CPU was slowed down because it was hot
	speed     uint64        // the sum of the speeds that CPUs are limited to, in kHz
}

// StartWatch begins to watch. What this machine does not tell is not watched; no
// goroutine is started.
func StartWatch() *Watch { return startWatch(read) }

func startWatch(read func() reading) *Watch { return &Watch{read: read, before: read()} }

// Disturbed says, on one line, what else the machine did since the watch began,
// as far as that makes times worse or doubtful; "" is nothing. Own is the CPU time
// that what was measured used meanwhile; the calling process is taken off too.
func (w *Watch) Disturbed(own time.Duration) string {
	return strings.Join(reasons(w.before, w.read(), own), ", ")
}

// Clock says which clock jumped since the watch began, "" if none did.
func (w *Watch) Clock() string { return jump(w.before, w.read()) }

// reasons compares two readings.
func reasons(before, after reading, own time.Duration) []string {
	var out []string
	elapsed := after.mono - before.mono
	if before.cpus != after.cpus {
		out = append(out, fmt.Sprintf("CPUs online went from %d to %d", before.cpus, after.cpus))
	} else if all := time.Duration(after.cpus) * elapsed; all > 0 {
		out = append(out, shares(before, after, all, own)...)
	}
	if pages := since(before.swapped, after.swapped); pages >= minSwapped && float64(pages) > MaxSwap*elapsed.Seconds() {
		out = append(out, fmt.Sprintf("%d pages were swapped", pages))
	}
	if after.throttled > before.throttled {
		out = append(out, "a CPU was slowed down because it was hot")
	}
	if before.cpus == after.cpus && before.speed != after.speed {
		out = append(out, "the speed that CPUs are limited to changed")
	}
	if j := jump(before, after); j != "" {
		out = append(out, j)
	}
	return out
}

// shares says who used the CPUs, of whose time there was all in total. Time is taken
// as used when it was neither idle nor stolen: the kernel measures idle time, while
// the time of users is sampled at ticks where it is not configured otherwise.
func shares(before, after reading, all, own time.Duration) []string {
	var out []string
	stolen := max(after.stolen-before.stolen, 0)
	used := all - max(after.idle-before.idle, 0) - stolen
	others := used - own - max(after.lab-before.lab, 0)
	if share := float64(others) / float64(all); others > minOthers && share > MaxBusy {
		out = append(out, fmt.Sprintf("others used %.0f %% of the CPUs", 100*share))
	}
	if share := float64(stolen) / float64(all); stolen >= minStolen && share > MaxSteal {
		out = append(out, fmt.Sprintf("the hypervisor below took %.0f %% of the CPUs", 100*share))
	}
	return out
}

// jump says which clock did not go with the monotonic one.
func jump(before, after reading) string {
	elapsed := after.mono - before.mono
	asleep := after.boot - before.boot - elapsed
	if asleep >= minJump {
		return fmt.Sprintf("the machine slept for %v", asleep.Round(time.Millisecond))
	}
	if by := after.wall - before.wall - elapsed; by.Abs() >= minJump {
		return fmt.Sprintf("the wall clock jumped by %v", by.Round(time.Millisecond))
	}
	return ""
}
