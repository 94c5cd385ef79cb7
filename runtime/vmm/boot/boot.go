// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

// Package boot puts a Linux kernel, its initrd and its command line in guest memory
// and says how a vCPU enters it.
//
// An ELF file with the PVH note is entered in 32-bit protected mode (Xen
// docs/misc/pvh.pandoc, "x86/HVM direct boot ABI"). A bzImage is entered in long mode
// (Linux Documentation/arch/x86/boot.rst, "64-bit Boot Protocol"); it unpacks itself.
//
// Both are copied to huge pages. Mapping the files' own pages would save the copy and
// let VMs share them; but Linux patches its code all over while it boots, and each page
// so written would cost three faults: to read it, to copy it, and to map the copy.
//
// From github.com/bobuhiro11/gokvm come the layouts of boot_params and of PVH's
// structures, the reading of the setup header, and descriptors as KVM takes them. Its
// search for the PVH note is not used: it drops the sizes' highest bytes, searches
// segments that are no notes, and so can be sent anywhere by a file.
//
// Kernels are the user's files, and may be broken or hostile: what a file claims is
// checked against the file's size and the guest's memory before anything is done.
package boot

import (
	"debug/elf"
	"os"
	"strings"

	gokvm "github.com/bobuhiro11/gokvm/kvm"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/ram"
)

// Config says what to boot. The files may be closed after Load.
type Config struct {
	Kernel  *os.File // an ELF file with a PVH entry, or a bzImage
	Initrd  *os.File // nil for none
	Cmdline string
	RSDP    uint64 // guest address of ACPI's root pointer, 0 for none
	// Share says that other processes see guest memory, by its file: all of it must be
	// there, and no huge pages are taken.
	Share bool
}

// Mode is the state of the processor at the entry point.
type Mode int

const (
	// Protected32 is 32-bit protected mode without paging: CR0.PE is set, CR4 is 0.
	Protected32 Mode = iota
	// Long64 is 64-bit mode: CR0.PE and PG, CR4.PAE, EFER.LME and LMA are set.
	Long64
)

// Start is how the first vCPU begins. Interrupts are off. Registers that are not
// named here are 0, and flags have only bit 1 set, which is always set.
type Start struct {
	Mode     Mode
	IP       uint64 // entry point
	Arg      uint64 // address of hvm_start_info, in EBX, or of boot_params, in RSI
	CR3      uint64 // page tables that map low memory one to one; 0 in Protected32
	GDT      uint64 // address of the table that holds the segments below
	GDTLimit uint16 // its size in bytes, less 1
	Code     gokvm.Segment
	Data     gokvm.Segment // DS, ES and SS
	Task     gokvm.Segment // TR

	Copied uint64 // bytes written to guest memory
}

// Load fills r, which must be as New made it. With an error, r can only be closed.
// What is wrong with a file or does not fit is an error of class ErrInvalid,
// ErrCorrupt or ErrNotSupported.
func Load(r *ram.RAM, cfg Config) (Start, error) {
	kernel, err := openImage("kernel", cfg.Kernel)
	if err != nil {
		return Start{}, err
	}
	l := loader{ram: r, share: cfg.Share, rsdp: cfg.RSDP, cmdline: cfg.Cmdline}
	if cfg.Initrd != nil {
		if l.initrd, err = openImage("initrd", cfg.Initrd); err != nil {
			return Start{}, err
		}
	}
	if strings.ContainsRune(cfg.Cmdline, 0) {
		return Start{}, errdefs.New(errdefs.ErrInvalid, "leave it out", "the kernel's command line has a NUL character")
	}
	if r.LowSize() <= highStart {
		return Start{}, errdefs.New(errdefs.ErrInvalid, moreMemory, "no kernel fits in %d bytes of memory", r.Size())
	}
	switch {
	case kernel.has(0, elf.ELFMAG):
		return l.loadELF(kernel)
	case kernel.has(headerMagicOffset, headerMagic):
		return l.loadBzImage(kernel)
	}
	return Start{}, kernel.invalid("give an ELF file with a PVH entry or a bzImage", "it is no kernel")
}
