// SPDX-License-Identifier: MIT OR Apache-2.0

// Package hypervisor is the contract between the runtime and what runs a whole VM.
//
// A driver implements Hypervisor and VirtualMachine; package hvtest holds the
// tests that each driver passes. vCPUs, guest memory and buses are a driver's own
// business and do not appear here. A capability that a driver, a guest or a host
// lacks is an error that matches errdefs.ErrNotSupported and says why.
package hypervisor

import (
	"context"
	"io"
	"net"
	"time"

	"arcbox.dev/runtime/events"
)

// Hypervisor is one way to run VMs on this host.
type Hypervisor interface {
	// Name is the driver's name: "uml", "kvm", "vz", "qemu".
	Name() string
	// Probe finds out whether the driver works here, without leaving anything behind.
	Probe(ctx context.Context) Report
	// Create prepares a VM; nothing of the guest runs before Start. The caller
	// calls Close on the VM however it ends.
	Create(ctx context.Context, cfg Config) (VirtualMachine, error)
}

// VirtualMachine is one VM. Its methods may be called from any goroutine.
type VirtualMachine interface {
	// Start runs the vCPUs. It returns when they run, not when the guest is up.
	Start(ctx context.Context) error
	// Pause stops every vCPU; when it returns no guest instruction is executed
	// until Resume. Pausing a paused VM does nothing, and likewise Resume.
	Pause(ctx context.Context) error
	Resume(ctx context.Context) error
	// Stop asks the guest to power off and waits for it; when ctx ends first, the
	// VM is ended by force and Stop returns nil all the same.
	Stop(ctx context.Context) error
	// Kill ends the VM at once.
	Kill() error
	// Wait returns how the VM ended, once it has.
	Wait(ctx context.Context) (Exit, error)

	// Dial connects to a vsock port on which the guest listens. A port on which
	// nothing listens gives an error that matches syscall.ECONNREFUSED.
	Dial(ctx context.Context, port uint32) (net.Conn, error)
	// Listen accepts what the guest connects to the host's vsock port.
	Listen(port uint32) (net.Listener, error)
	// Console returns what the guest wrote to its console so far (the last of it,
	// where it is long) and then follows it until the VM ends or it is closed.
	Console() (io.ReadCloser, error)
	// ConsoleInput returns a writer of what is typed on the guest's console. A write
	// blocks while the guest does not read, and fails once the VM has ended. Closing
	// it is not seen by the guest: a console has no end.
	ConsoleInput() (io.WriteCloser, error)

	// SetMemoryTarget asks the guest to use at most so many bytes.
	SetMemoryTarget(ctx context.Context, bytes uint64) error
	// Snapshot writes the state of a paused VM to an empty folder.
	Snapshot(ctx context.Context, dir string) error
	// Stats reads the VM's counters.
	Stats(ctx context.Context) (Stats, error)

	// Close ends the VM if it still runs and frees all it has: processes, memory,
	// sockets and files.
	Close() error
}

// Config describes a VM to be created.
type Config struct {
	ID        string `json:"id"`        // names the VM: [a-z0-9-], at most 32 bytes
	Dir       string `json:"dir"`       // an existing private folder for sockets and logs
	CPUs      int    `json:"cpus"`      // at least 1
	Memory    uint64 `json:"memory"`    // bytes
	Kernel    string `json:"kernel"`    // path of the kernel
	Initramfs string `json:"initramfs"` // path; may be empty
	// Cmdline is appended to what the driver itself needs, one parameter an element.
	Cmdline []string `json:"cmdline,omitempty"`
	Disks   []Disk   `json:"disks,omitempty"`
	// Remotes are devices that other processes serve. Disks among them come after Disks.
	Remotes []Remote `json:"remotes,omitempty"`
	// Vsock gives the VM a vsock device; without it Dial and Listen are not supported.
	Vsock bool `json:"vsock,omitempty"`
}

// Disk is a virtio-blk device. The guest sees disks as /dev/vda, /dev/vdb and so on in order.
type Disk struct {
	ID       string `json:"id"` // the serial that the guest can read; at most 20 bytes
	ReadOnly bool   `json:"readOnly,omitempty"`
	// Path is the image file, or a block device. Exactly one of Path and Partitions is set.
	Path string `json:"path,omitempty"`
	// Partitions makes a read-only disk with a partition table (GPT) in front of
	// these files, one partition a file, in order.
	Partitions []string `json:"partitions,omitempty"`
}

// Remote is a device that another process serves over vhost-user.
type Remote struct {
	Kind   string `json:"kind"`   // the device's type in virtio's words: "blk", "net", "fs", "console", "rng"
	Socket string `json:"socket"` // path of the Unix socket on which it is served
}

// Report is what Probe found.
type Report struct {
	Driver    string `json:"driver"`
	Usable    bool   `json:"usable"`
	Isolation string `json:"isolation,omitempty"` // what stands between guest and host, one line
	Version   string `json:"version,omitempty"`
	// Reason says why the driver is not usable, or what is lacking though it is; Remedy what to do.
	Reason string `json:"reason,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// Notes are further facts for a reader, one line each.
	Notes []string `json:"notes,omitempty"`
}

// ExitReason says how a VM ended.
type ExitReason string

const (
	ExitPowerOff ExitReason = "power off" // the guest powered off
	ExitReboot   ExitReason = "reboot"    // the guest asked to be rebooted
	ExitPanic    ExitReason = "panic"     // the guest's kernel panicked
	ExitCrash    ExitReason = "crash"     // the VMM, the kernel process or a vCPU failed
	ExitKilled   ExitReason = "killed"    // Kill, Close, or Stop by force
)

// Exit is how a VM ended.
type Exit struct {
	Reason ExitReason `json:"reason"`
	Detail string     `json:"detail,omitempty"` // the panic's message, the signal, …
}

// Stats are a VM's counters since its start.
type Stats struct {
	// Marks are the moments the VMM has seen: vmm_up, kernel, stop.
	Marks []events.Mark `json:"marks"`
	// Processes are all processes of the VM, the VMM's own first.
	Processes []Process `json:"processes"`
	// Devices counts by device and counter: "blk0" -> "requests" -> n.
	Devices map[string]map[string]uint64 `json:"devices,omitempty"`
	// Exits counts VM exits by reason, where the driver has such.
	Exits map[string]uint64 `json:"exits,omitempty"`
}

// Process is one process of a VM on the host.
type Process struct {
	PID     int           `json:"pid"`
	Role    string        `json:"role"`    // "vmm", "kernel", "guest"
	PSS     uint64        `json:"pss"`     // bytes, each shared page divided by its users
	Anon    uint64        `json:"anon"`    // bytes of PSS: private anonymous memory
	File    uint64        `json:"file"`    // bytes of PSS: file pages (program text and the like)
	Shmem   uint64        `json:"shmem"`   // bytes of PSS: shared memory, which is where guest memory is
	CPUTime time.Duration `json:"cpuTime"` // user and system
}
