// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"

	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"github.com/spf13/cobra"
)

// vmFlags are the options of arcbox vm boot.
type vmFlags struct {
	kernel, initrd, cmdline, cpus, memory, driver string

	disks, nets  []string
	vsock, trace bool
}

func vmCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "vm", Short: "Work with bare VMs", Args: cobra.NoArgs}
	cmd.AddCommand(vmBootCommand())
	return cmd
}

func vmBootCommand() *cobra.Command {
	var f vmFlags
	cmd := &cobra.Command{
		Use:   "boot --kernel FILE [flags]",
		Short: "Boot a kernel with its console on this terminal",
		Long: `Boot a kernel with its console on this terminal.

In a terminal ` + escapeName + ` ends the VM; what else is typed goes to the guest, Ctrl-C too.
SIGINT and SIGTERM ask the guest to power off, and end it a little later or when
they come again.

The exit status is 0 when the guest powered off, 1 when it ended otherwise, and
125 if arcbox itself failed.`,
		Example: `  arcbox vm boot --kernel bzImage --initrd initrd.img --cmdline 'console=ttyS0'
  arcbox vm boot --kernel vmlinux --disk root.img,ro --cmdline 'root=/dev/vda'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config()
			if err != nil {
				return err
			}
			return bootRaw(cmd.Context(), cfg, f.trace)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&f.kernel, "kernel", "", "the kernel: a bzImage or an ELF file, or a User-Mode Linux program")
	fl.StringVar(&f.initrd, "initrd", "", "its initial RAM disk")
	fl.StringVar(&f.cmdline, "cmdline", "", "its command line, after what the VM itself needs there")
	fl.StringVar(&f.cpus, "cpus", "", "number of CPUs (default 1)")
	fl.StringVarP(&f.memory, "memory", "m", "", "memory, with a unit of b, k, m or g (default 256m)")
	fl.StringArrayVar(&f.disks, "disk", nil, "a disk: PATH, PATH,ro, or vhost-user:SOCKET where another process serves it")
	fl.StringArrayVar(&f.nets, "net", nil, "a network device: vhost-user:SOCKET")
	fl.BoolVar(&f.vsock, "vsock", false, "give the VM a vsock device")
	fl.StringVar(&f.driver, "driver", "", "how to run the VM: kvm or uml (default: what works here)")
	fl.BoolVar(&f.trace, "trace", false, "print how long each part of the boot took")
	fl.Bool("help", false, "print this help")
	return cmd
}

// config checks the flags.
func (f vmFlags) config() (cfg core.RawConfig, err error) {
	if f.kernel == "" {
		return cfg, usageError{fmt.Errorf("a kernel is needed: give one with --kernel (see 'arcbox vm boot --help')")}
	}
	cfg = core.RawConfig{Driver: f.driver, Cmdline: strings.Fields(f.cmdline), Vsock: f.vsock, Requested: started}
	if cfg.Kernel, err = filepath.Abs(f.kernel); err != nil {
		return cfg, err
	}
	if f.initrd != "" {
		if cfg.Initramfs, err = filepath.Abs(f.initrd); err != nil {
			return cfg, err
		}
	}
	if f.cpus != "" {
		if cfg.CPUs, err = parseCPUs(f.cpus); err != nil {
			return cfg, err
		}
	}
	if f.memory != "" {
		if cfg.Memory, err = parseSize(f.memory); err != nil {
			return cfg, err
		}
	}
	for i, d := range f.disks {
		disk, remote, err := parseDisk(d, i)
		switch {
		case err != nil:
			return cfg, err
		case remote != nil:
			cfg.Remotes = append(cfg.Remotes, *remote)
		default:
			cfg.Disks = append(cfg.Disks, disk)
		}
	}
	for _, n := range f.nets {
		socket, ok := strings.CutPrefix(n, vhostUser)
		if !ok || socket == "" {
			return cfg, errdefs.New(errdefs.ErrInvalid, "give vhost-user:SOCKET", "--net %s: there is no such network device", n)
		}
		if socket, err = filepath.Abs(socket); err != nil {
			return cfg, err
		}
		cfg.Remotes = append(cfg.Remotes, hypervisor.Remote{Kind: "net", Socket: socket})
	}
	return cfg, nil
}

// vhostUser stands before the socket of a device that another process serves.
const vhostUser = "vhost-user:"

// parseDisk reads disk number i: PATH, PATH,ro or vhost-user:SOCKET.
func parseDisk(s string, i int) (disk hypervisor.Disk, remote *hypervisor.Remote, err error) {
	path, isRemote := strings.CutPrefix(s, vhostUser)
	readOnly := false
	if !isRemote {
		path, readOnly = strings.CutSuffix(s, ",ro")
	}
	if path == "" {
		return disk, nil, errdefs.New(errdefs.ErrInvalid, "give PATH, PATH,ro or vhost-user:SOCKET", "--disk %q names no disk", s)
	}
	if path, err = filepath.Abs(path); err != nil {
		return disk, nil, err
	}
	if isRemote {
		return disk, &hypervisor.Remote{Kind: "blk", Socket: path}, nil
	}
	return hypervisor.Disk{ID: "disk" + strconv.Itoa(i), Path: path, ReadOnly: readOnly}, nil, nil
}

// parseCPUs reads a number of CPUs.
func parseCPUs(s string) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return 0, errdefs.New(errdefs.ErrInvalid, "give a whole number from 1", "--cpus %s: a VM cannot have so many CPUs", s)
	}
	return n, nil
}
