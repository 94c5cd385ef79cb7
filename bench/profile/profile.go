// SPDX-License-Identifier: MIT OR Apache-2.0

// Package profile has the running program keep profiles of itself: of CPU time,
// allocations, waits for locks and other waits, in pprof's format.
//
// It imports no more than the standard library, so that a program can offer to be
// profiled at no cost while it is not. One that wants even the allocations' coarse
// profile gone, which the Go runtime keeps of each program that could write it, sets
// runtime.MemProfileRate to 0 first thing in main.
package profile

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"runtime/pprof"
	"sync"
)

// Kind is what a profile is of.
type Kind string

const (
	CPU    Kind = "cpu"    // time on a CPU
	Allocs Kind = "allocs" // allocations, freed or not
	Mutex  Kind = "mutex"  // time for which holders of locks kept others waiting
	Block  Kind = "block"  // time spent waiting: for locks, channels and conditions
)

// Kinds are all that are kept.
var Kinds = []Kind{CPU, Allocs, Mutex, Block}

// Counts grow from the program's start on, and cannot be started anew.
var counts = []Kind{Allocs, Mutex, Block}

const (
	allocRate     = 4 << 10 // bytes between two allocations that are noted
	mutexFraction = 1       // every wait
	blockRate     = 1       // every wait
)

// FileName is the name of a process's profile in a folder: "vmm.cpu.pprof".
func FileName(process string, kind Kind) string { return process + "." + string(kind) + Extension }

// Extension ends the name of a profile's file.
const Extension = ".pprof"

// Set is profiles in pprof's format (profile.proto, compressed by gzip), by kind.
type Set map[Kind][]byte

// Save writes the profiles into a folder, which is made where it is not there.
func (s Set) Save(dir, process string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("saving profiles: %w", err)
	}
	for kind, data := range s {
		if err := os.WriteFile(filepath.Join(dir, FileName(process, kind)), data, 0o644); err != nil {
			return fmt.Errorf("saving profiles: %w", err)
		}
	}
	return nil
}

// Note has the runtime note allocations and waits until restore is called.
func Note() (restore func()) {
	alloc, mutex := runtime.MemProfileRate, runtime.SetMutexProfileFraction(mutexFraction)
	runtime.MemProfileRate = allocRate
	runtime.SetBlockProfileRate(blockRate)
	return func() {
		runtime.SetBlockProfileRate(0) // what it was cannot be found out
		runtime.SetMutexProfileFraction(mutex)
		runtime.MemProfileRate = alloc
	}
}

// Recording is profiles being taken. There is one at a time.
type Recording struct {
	cpu     bytes.Buffer
	restore func()
}

// Record starts to take profiles. It fails if another recording is being made.
func Record() (*Recording, error) {
	r := new(Recording)
	if err := pprof.StartCPUProfile(&r.cpu); err != nil {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	r.restore = Note()
	return r, nil
}

// Stop ends the recording and returns its profiles. Those but the CPU's count from
// the program's start on; what was before the recording is in them as far as the
// program noted it then. The CPU's profile takes up to 100 ms to end.
func (r *Recording) Stop() (Set, error) {
	pprof.StopCPUProfile()
	defer r.restore()
	set, err := Snapshot()
	if err != nil {
		return nil, err
	}
	set[CPU] = r.cpu.Bytes()
	return set, nil
}

// Snapshot returns what the program's counting profiles have come to: all kinds but
// the CPU's. It collects garbage, since allocations count from the next collection on.
func Snapshot() (Set, error) {
	runtime.GC()
	set := Set{}
	for _, kind := range counts {
		var data bytes.Buffer
		if err := pprof.Lookup(string(kind)).WriteTo(&data, 0); err != nil {
			return nil, fmt.Errorf("writing the %s profile: %w", kind, err)
		}
		set[kind] = data.Bytes()
	}
	return set, nil
}

// Start records until stop is called, which writes the profiles into the folder dir
// under the process's name. A second call of stop does nothing.
func Start(dir, process string) (stop func() error, err error) {
	if process == "" || filepath.Base(process) != process {
		return nil, fmt.Errorf("profiling: %q is no name for a file", process)
	}
	if info, err := os.Stat(dir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("profiling: %s is not a folder", dir)
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	r, err := Record()
	if err != nil {
		return nil, err
	}
	return sync.OnceValue(func() error {
		set, err := r.Stop()
		if err != nil {
			return err
		}
		return set.Save(dir, process)
	}), nil
}
