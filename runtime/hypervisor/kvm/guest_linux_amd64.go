// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"encoding/binary"

	gokvm "github.com/bobuhiro11/gokvm/kvm"

	"arcbox.dev/runtime/vmm/kvmapi"
)

// The trial's guest is one loop in ring 0 of 64-bit mode, where a kernel spends
// its life. The host sets ECX to the number of turns before each run.
var spin = [...]byte{
	0xff, 0xc9, // spin: dec ecx
	0x75, 0xfc, //       jnz spin
	0xf4, //             hlt
}

// instructionsPerTurn is the length of the loop.
const instructionsPerTurn = 2

// Where things are in the guest's physical memory, in bytes. Its page tables map
// the first 2 MiB to themselves, in one large page; there is memory for the tables
// and the code only, and the guest touches nothing else. It has neither stack nor
// interrupt table: should it fault, it ends with a shutdown.
const (
	pml4Addr   = 0x0000
	pdptAddr   = 0x1000
	pdAddr     = 0x2000
	codeAddr   = 0x3000
	memorySize = 0x4000
)

// Bits of a page table entry (Intel SDM vol. 3 §4.5.4).
const (
	pagePresent  = 1 << 0
	pageWritable = 1 << 1
	pageLarge    = 1 << 7 // this entry maps a page, not a table
)

// loadGuest writes page tables and code to the guest's memory.
func loadGuest(memory []byte) {
	entry := func(at, value uint64) { binary.LittleEndian.PutUint64(memory[at:], value) }
	entry(pml4Addr, pdptAddr|pagePresent|pageWritable)
	entry(pdptAddr, pdAddr|pagePresent|pageWritable)
	entry(pdAddr, 0|pagePresent|pageWritable|pageLarge)
	copy(memory[codeAddr:], spin[:])
}

// Segment types (Intel SDM vol. 3 §3.4.5.1 and §3.5).
const (
	typeData = 3  // read, write, accessed
	typeCode = 11 // execute, read, accessed
	typeTSS  = 11 // 64-bit, busy (a system segment)
)

// enterLongMode changes a vCPU's registers from reset to 64-bit mode, ring 0.
func enterLongMode(s *gokvm.Sregs) {
	kvmapi.LongMode(s, pml4Addr)
	const limit = 1<<32 - 1
	data := gokvm.Segment{Limit: limit, Selector: 2 << 3, Typ: typeData, Present: 1, S: 1, DB: 1, G: 1}
	s.DS, s.ES, s.FS, s.GS, s.SS = data, data, data, data, data
	s.CS = gokvm.Segment{Limit: limit, Selector: 1 << 3, Typ: typeCode, Present: 1, S: 1, L: 1, G: 1}
	s.TR = gokvm.Segment{Limit: 0x67, Typ: typeTSS, Present: 1}
	s.GDT, s.IDT = gokvm.Descriptor{}, gokvm.Descriptor{}
}

// startOf returns the registers with which the guest does so many turns.
func startOf(turns uint32) gokvm.Regs {
	const alwaysSet = 1 << 1 // RFLAGS bit 1 (Intel SDM vol. 1 §3.4.3)
	return gokvm.Regs{RIP: codeAddr, RCX: uint64(turns), RFLAGS: alwaysSet}
}

// turnsLeft reads how many of the turns the guest has not done.
func turnsLeft(regs *gokvm.Regs) uint32 { return uint32(regs.RCX) }
