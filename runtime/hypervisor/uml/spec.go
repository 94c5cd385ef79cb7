// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"arcbox.dev/runtime/errdefs"
	"golang.org/x/sys/unix"
)

// Paths inside a jail that has a root of its own.
const (
	memoryDir = "/m" // the tmpfs of the memory file
	umlDir    = "/u" // the tmpfs of UML's own folder
)

// loopsPerJiffy saves the kernel the measuring of its delay loop, which takes 40 to
// 80 ms. It is the figure of a fast processor: on a slower one delays get longer,
// and nothing in a guest without hardware waits by that loop.
const loopsPerJiffy = "40000000"

// memorySlack is what UML's memory file may take beyond the guest's memory, in bytes.
const memorySlack = 16 << 20

// spec describes the jail and what runs in it. Without a root of its own
// (ConfineLandlock) everything is at the host's paths.
func (m *machine) spec(conf Confinement) (jailSpec, error) {
	spec := jailSpec{Root: filepath.Join(m.cfg.Dir, "root"), Memory: m.cfg.Memory + memorySlack, CPU: m.cpu}
	ownRoot := conf != ConfineLandlock
	at := func(source, inJail string) string { // binds source and returns where the jail sees it
		if !ownRoot {
			inJail = source
		}
		spec.Binds = append(spec.Binds, bind{source, inJail})
		return inJail
	}
	memory, uml, preload := memoryDir, umlDir, "/xstate.so"
	if !ownRoot {
		if err := m.makeMemoryDir(); err != nil {
			return spec, err
		}
		spec.MemoryDir = m.tempDir
		memory, uml, preload = m.tempDir, m.tempDir, filepath.Join(m.tempDir, "xstate.so")
	}

	p, err := programOf(m.cfg.Kernel)
	if err != nil {
		return spec, err
	}
	spec.Program = at(m.cfg.Kernel, "/kernel")
	for _, lib := range p.libraries {
		at(lib, lib)
	}
	at("/dev/null", "/dev/null")
	at("/dev/random", "/dev/random")
	// UML executes argv[0] again for a reboot, and must not find it: it is no absolute
	// path, nor the program's name in the jail, whose root is the working directory.
	spec.Args = []string{"linux", fmt.Sprintf("mem=%dK", m.cfg.Memory>>10), "con0=fd:0,fd:1", "con=null", "umid=" + m.cfg.ID, "uml_dir=" + uml, "lpj=" + loopsPerJiffy}
	if m.cfg.Initramfs != "" {
		spec.Args = append(spec.Args, "initrd="+at(m.cfg.Initramfs, "/initrd"))
	}
	sockets := at(filepath.Join(m.cfg.Dir, "s"), "/s")
	for _, d := range m.devices {
		spec.Args = append(spec.Args, fmt.Sprintf("virtio_uml.device=%s/%s:%d", sockets, d.name, d.device.ID()))
	}
	spec.Args = append(spec.Args, m.cfg.Cmdline...)

	spec.Env = []string{
		"TMPDIR=" + memory,
		// glibc registers its rseq area, which a 6.12 kernel's stubs then find changed under them.
		"GLIBC_TUNABLES=glibc.pthread.rseq=0",
	}
	if p.dynamic() {
		spec.Files = append(spec.Files, file{preload, preloadLibrary()})
		spec.Env = append(spec.Env, "LD_PRELOAD="+preload)
	}
	if !ownRoot {
		at("/proc/cpuinfo", "")
	} else if cpu, err := firstCPU(); err == nil {
		spec.Files = append(spec.Files, file{"/proc/cpuinfo", cpu})
	}
	return spec, nil
}

// makeMemoryDir makes the folder of the memory file on the host: in TMPDIR where
// that is set, and else in the memory file system that every Linux has.
func (m *machine) makeMemoryDir() error {
	if m.tempDir != "" {
		return nil
	}
	base := os.Getenv("TMPDIR")
	if base == "" {
		base = "/dev/shm"
	}
	var st unix.Statfs_t
	if err := unix.Statfs(base, &st); err != nil {
		return errdefs.New(errdefs.ErrNotFound, "set TMPDIR to a folder for it", "finding room for the guest's memory: %s: %w", base, err)
	}
	if free := st.Bavail * uint64(st.Bsize); free < m.cfg.Memory {
		return errdefs.New(errdefs.ErrExhausted, "free some, set TMPDIR to another folder, or ask for less with --memory",
			"the guest's %d MiB of memory do not fit into the %d MiB that %s has left", m.cfg.Memory>>20, free>>20, base)
	}
	dir, err := os.MkdirTemp(base, "arcbox-memory-")
	if err != nil {
		return fmt.Errorf("making a folder for the guest's memory: %w", err)
	}
	m.tempDir = dir
	return nil
}

// firstCPU returns the description of one processor, from which UML takes the host's features.
func firstCPU() ([]byte, error) {
	b, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return nil, err
	}
	first, _, _ := strings.Cut(string(b), "\n\n")
	return []byte(first + "\n\n"), nil
}
