// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package core

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/paths"
)

// Driver is a way to run a VM, and what a guest of it needs.
type Driver struct {
	hypervisor.Hypervisor
	Flavour kernel.Flavour // of the kernel
	Modules []string       // of a kernel that has modules: what finds the devices
}

// driver returns the named driver, or the first that works here.
func (r *Runtime) driver(ctx context.Context, name string) (Driver, error) {
	if name == "" {
		return r.preferred(ctx), nil
	}
	var names []string
	for _, d := range r.opts.Drivers {
		if d.Name() == name {
			return d, nil
		}
		names = append(names, d.Name())
	}
	return Driver{}, errdefs.New(errdefs.ErrInvalid, fmt.Sprintf("use one of %v", names), "there is no driver %q", name)
}

// preferred returns the first driver that works here. The last is not probed:
// there is nothing to take in its place, and it says best itself what it lacks.
func (r *Runtime) preferred(ctx context.Context) Driver {
	last := len(r.opts.Drivers) - 1
	if last == 0 {
		return r.opts.Drivers[0]
	}
	if i := r.recallDriver(); i >= 0 {
		return r.opts.Drivers[i]
	}
	for i, d := range r.opts.Drivers[:last] {
		if d.Probe(ctx).Usable {
			last = i
			break
		}
	}
	r.rememberDriver(r.opts.Drivers[last].Name())
	return r.opts.Drivers[last]
}

// remembered is which driver works here, so that not each run has to try.
type remembered struct {
	Boot    string   `json:"boot"`    // of the host: another boot, another host
	Drivers []string `json:"drivers"` // that were there, in their order
	Works   string   `json:"works"`
}

// rememberFor is for how long that holds: rights and modules come and go.
const rememberFor = 10 * time.Minute

func (r *Runtime) driverFile() string { return filepath.Join(r.opts.Paths.Run, "driver.json") }

// recallDriver returns the index of the driver that worked lately, or -1.
func (r *Runtime) recallDriver() int {
	info, err := os.Stat(r.driverFile())
	if err != nil || time.Since(info.ModTime()) > rememberFor {
		return -1
	}
	text, err := os.ReadFile(r.driverFile())
	var known remembered
	if err != nil || json.Unmarshal(text, &known) != nil {
		return -1
	}
	now := r.present()
	if known.Boot != now.Boot || !slices.Equal(known.Drivers, now.Drivers) {
		return -1
	}
	return slices.Index(now.Drivers, known.Works)
}

// rememberDriver keeps which driver works. Where that fails, the next run tries again.
func (r *Runtime) rememberDriver(name string) {
	if paths.Private(r.opts.Paths.Run) != nil {
		return
	}
	known := r.present()
	known.Works = name
	text, err := json.Marshal(known)
	if err != nil {
		return
	}
	f, err := os.CreateTemp(r.opts.Paths.Run, "driver-*")
	if err != nil {
		return
	}
	_, err = f.Write(text)
	if f.Close() != nil || err != nil || os.Rename(f.Name(), r.driverFile()) != nil {
		os.Remove(f.Name())
	}
}

// present is what there is now, without the driver that works.
func (r *Runtime) present() (p remembered) {
	boot, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // empty elsewhere than on Linux
	p.Boot = strings.TrimSpace(string(boot))
	for _, d := range r.opts.Drivers {
		p.Drivers = append(p.Drivers, d.Name())
	}
	return p
}
