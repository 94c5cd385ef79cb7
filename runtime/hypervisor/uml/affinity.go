// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"time"

	"arcbox.dev/runtime/hypervisor/host"
	"golang.org/x/sys/unix"
)

// A UML guest has one CPU: of its kernel and the process that carries the running
// program, only one is ever awake, and each system call hands over twice. Between
// two of the host's CPUs a hand-over has to wake an idle one, which takes many
// times as long as a switch on one CPU. So all processes of a guest stay on one
// CPU of the host, and move together when they have to wait for it.

const (
	// balanceInterval is how often a guest's wait for its CPU is looked at.
	balanceInterval = time.Second
	// busyTime is what the kernel process runs in an interval at least, in a guest
	// that is not idle: its timer alone takes more.
	busyTime = time.Millisecond
	// patience is the share of an interval that a guest may wait.
	patience = 0.2
)

// pickCPU returns one of the CPUs that this process may run on, or -1 where there is no choice.
func pickCPU() int {
	cpus := allowedCPUs()
	if len(cpus) < 2 {
		return -1
	}
	return cpus[rand.IntN(len(cpus))]
}

func allowedCPUs() (cpus []int) {
	var set unix.CPUSet
	if unix.SchedGetaffinity(0, &set) != nil {
		return nil
	}
	for cpu := range len(set) * 64 {
		if set.IsSet(cpu) {
			cpus = append(cpus, cpu)
		}
	}
	return cpus
}

// pin binds a process, 0 being the calling thread, to a CPU; -1 leaves it as it is.
func pin(pid, cpu int) error {
	if cpu < 0 {
		return nil
	}
	var set unix.CPUSet
	set.Set(cpu)
	return unix.SchedSetaffinity(pid, &set)
}

// balance moves the guest to another CPU whenever it waited for its own and another
// one idled meanwhile. It returns when the VM ends.
func (m *machine) balance(main, cpu int) {
	if cpu < 0 {
		return
	}
	tick := time.NewTicker(balanceInterval)
	defer tick.Stop()
	var last sample
	for {
		select {
		case <-m.Done():
			return
		case <-tick.C:
		}
		ran := schedule(main).ran
		if ran-last.mainRan < busyTime {
			last = sample{mainRan: ran} // idle: what it waited before is history
			continue
		}
		now := takeSample(main)
		if to := target(last, now, cpu, allowedCPUs()); to >= 0 {
			cpu = to
			for range 2 { // once more for those that were forked meanwhile
				for _, pid := range host.Descendants(main) {
					pin(pid, cpu) // one that just ended is no loss
				}
			}
		}
		last = now
	}
}

// sample is what was counted up to a moment.
type sample struct {
	at      time.Time // zero: nothing but mainRan is known
	mainRan time.Duration
	waited  time.Duration         // by all processes of the guest
	idle    map[int]time.Duration // by CPU
}

func takeSample(main int) sample {
	s := sample{at: time.Now(), mainRan: schedule(main).ran, idle: idleTimes()}
	for _, pid := range host.Descendants(main) {
		s.waited += schedule(pid).waited
	}
	return s
}

// target returns the CPU to move to, or -1.
func target(last, now sample, cpu int, allowed []int) int {
	if last.at.IsZero() {
		return -1
	}
	interval := now.at.Sub(last.at)
	waited := now.waited - last.waited
	if float64(waited) < patience*float64(interval) {
		return -1
	}
	best, most := -1, waited/2 // a move must be worth it
	for _, c := range allowed {
		if idle := now.idle[c] - last.idle[c]; c != cpu && idle > most {
			best, most = c, idle
		}
	}
	return best
}

type times struct{ ran, waited time.Duration }

// schedule reads how long a process ran and waited for a CPU (proc(5),
// /proc/PID/schedstat); zero for one that is gone.
func schedule(pid int) (t times) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", pid))
	if err != nil {
		return t
	}
	f := bytes.Fields(b)
	if len(f) < 2 {
		return t
	}
	ran, _ := strconv.ParseInt(string(f[0]), 10, 64)
	waited, _ := strconv.ParseInt(string(f[1]), 10, 64)
	return times{time.Duration(ran), time.Duration(waited)}
}

// idleTimes reads how long each CPU idled (proc_stat(5), fields 4 and 5, in ticks of 10 ms).
func idleTimes() map[int]time.Duration {
	idle := map[int]time.Duration{}
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return idle
	}
	for _, line := range strings.Split(string(b), "\n") {
		f := strings.Fields(line)
		if len(f) < 6 || !strings.HasPrefix(f[0], "cpu") {
			continue
		}
		cpu, err := strconv.Atoi(f[0][len("cpu"):])
		if err != nil {
			continue // the sum of all
		}
		for _, ticks := range f[4:6] {
			n, _ := strconv.ParseInt(ticks, 10, 64)
			idle[cpu] += time.Duration(n) * 10 * time.Millisecond
		}
	}
	return idle
}
