// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/mount"
	"arcbox.dev/guest/agent/rpc"
	"arcbox.dev/guest/agent/started"
)

// loadScale is the fixed point of sysinfo(2)'s load averages (SI_LOAD_SHIFT).
const loadScale = 1 << 16

// info describes the guest.
func (a *Agent) info(ctx context.Context, _ *rpc.InfoRequest) (rpc.Response, error) {
	if err := a.prepared(ctx); err != nil {
		return nil, err
	}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return nil, fmt.Errorf("reading kernel release: %w", err)
	}
	var sys unix.Sysinfo_t
	if err := unix.Sysinfo(&sys); err != nil {
		return nil, fmt.Errorf("reading system information: %w", err)
	}
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return nil, fmt.Errorf("reading uptime: %w", err)
	}
	available, err := availableMemory()
	if err != nil {
		return nil, fmt.Errorf("reading available memory: %w", err)
	}
	resp := &rpc.InfoResponse{
		KernelRelease:   unix.ByteSliceToString(name.Release[:]),
		Machine:         unix.ByteSliceToString(name.Machine[:]),
		MemoryTotal:     uint64(sys.Totalram) * uint64(sys.Unit),
		MemoryAvailable: available,
		CPUs:            uint32(runtime.NumCPU()),
		Uptime:          uint64(up.Nano()),
		SinceStart:      uint64(started.Since()),
		Tasks:           uint32(sys.Procs),
	}
	for _, load := range sys.Loads {
		resp.Load = append(resp.Load, float64(load)/loadScale)
	}
	for _, s := range started.Steps() {
		resp.Steps = append(resp.Steps, rpc.Step{Name: s.Name, At: uint64(s.At)})
	}
	return resp, nil
}

// availableMemory is what could be given to new processes, in bytes (proc_meminfo(5)).
func availableMemory() (uint64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(line, "MemAvailable:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 54)
		return kib << 10, err
	}
	return 0, nil
}

// mount mounts a file system.
func (a *Agent) mount(ctx context.Context, req *rpc.MountRequest) (rpc.Response, error) {
	if err := a.prepared(ctx); err != nil {
		return nil, err
	}
	if req.Mount == nil {
		return nil, rpc.Errorf(rpc.InvalidArgument, "no mount")
	}
	m := mount.Mount{Source: req.Mount.Source, Target: req.Mount.Target, Type: req.Mount.Type, Options: req.Mount.Options}
	if err := mount.Do(m); err != nil {
		return nil, rpc.Errorf(rpc.InvalidArgument, "%v", err)
	}
	return rpc.Empty{}, nil
}
