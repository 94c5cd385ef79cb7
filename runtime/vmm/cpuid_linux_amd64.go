// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"math/bits"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
)

// cpuid says what a vCPU's CPUID has beyond what the host's CPU and KVM offer: its
// number, and a topology of one package with a core for each vCPU and one thread
// in each core.
type cpuid struct {
	id, cpus uint32
	tscKHz   uint32 // 0 if not known
	deadline bool   // the local APIC's timer has the TSC deadline mode
}

// Leaves that are changed (Intel SDM vol. 2, CPUID; AMD APM vol. 3 appendix E;
// Documentation/virt/kvm/x86/cpuid.rst for those from 0x40000000).
const (
	leafMax          = 0x0
	leafFeatures     = 0x1
	leafCaches       = 0x4
	leafPerformance  = 0xa
	leafTopology     = 0xb
	leafTopology2    = 0x1f
	leafKVM          = 0x4000_0000
	leafTiming       = 0x4000_0010
	leafAMDFeatures  = 0x8000_0001
	leafAMDSizes     = 0x8000_0008
	leafAMDCaches    = 0x8000_001d
	leafAMDTopology  = 0x8000_001e
	leafAMDPerfMon   = 0x8000_0022
	significantIndex = 1 << 0 // KVM_CPUID_FLAG_SIGNIFCANT_INDEX
)

// Feature bits.
const (
	vmxECX1        = 1 << 5
	pdcmECX1       = 1 << 15
	x2apicECX1     = 1 << 21
	deadlineECX1   = 1 << 24
	hypervisorECX1 = 1 << 31
	httEDX1        = 1 << 28

	cmpLegacyECX8 = 1 << 1 // of leaf 0x80000001, as those below
	svmECX8       = 1 << 2
	perfCoreECX8  = 1 << 23
	perfNBECX8    = 1 << 24
	perfLLCECX8   = 1 << 28
)

// apicBusKHz is the rate of KVM's local APIC timer: one tick a nanosecond.
const apicBusKHz = 1_000_000

// leaves makes the vCPU's leaves of those that KVM supports, which it leaves alone.
func (c cpuid) leaves(supported []gokvm.CPUIDEntry2) []gokvm.CPUIDEntry2 {
	var out []gokvm.CPUIDEntry2
	second := false // whether the second form of the topology leaf is there
	for _, e := range supported {
		switch e.Function {
		case leafTopology, leafTopology2, leafTiming:
			second = second || e.Function == leafTopology2
			continue // made below
		}
		c.change(&e)
		out = append(out, e)
	}
	out = append(out, c.topology(leafTopology)...)
	if second {
		out = append(out, c.topology(leafTopology2)...)
	}
	return append(out, gokvm.CPUIDEntry2{Function: leafTiming, Eax: c.tscKHz, Ebx: apicBusKHz})
}

// change adapts one leaf.
func (c cpuid) change(e *gokvm.CPUIDEntry2) {
	switch e.Function {
	case leafMax:
		e.Eax = max(e.Eax, leafTopology)
	case leafFeatures:
		c.features(e)
	case leafCaches, leafAMDCaches:
		c.cache(e)
	case leafPerformance, leafAMDPerfMon:
		// No performance counters: each switch between guest and host would have to
		// carry them, and each boot to try them out.
		e.Eax, e.Ebx, e.Ecx, e.Edx = 0, 0, 0, 0
	case leafKVM:
		e.Eax = max(e.Eax, leafTiming)
	case leafAMDFeatures:
		e.Ecx &^= svmECX8 | perfCoreECX8 | perfNBECX8 | perfLLCECX8 | cmpLegacyECX8
		if c.cpus > 1 {
			e.Ecx |= cmpLegacyECX8
		}
	case leafAMDSizes:
		e.Ecx = e.Ecx&^0xf0ff | c.idBits()<<12 | (c.cpus - 1)
	case leafAMDTopology:
		// Extended APIC id; core id, with no thread beside it; the one node.
		e.Eax, e.Ebx, e.Ecx = c.id, c.id, 0
	}
}

// features adapts leaf 1. A guest of ours is not to run guests of its own, nor to
// count events; and KVM leaves it to us to offer what its local APIC can do.
func (c cpuid) features(e *gokvm.CPUIDEntry2) {
	e.Ebx = e.Ebx&0xffff | c.id<<24 | min(c.cpus, 255)<<16
	e.Ecx &^= vmxECX1 | pdcmECX1 | deadlineECX1
	e.Ecx |= hypervisorECX1 | x2apicECX1
	if c.deadline {
		e.Ecx |= deadlineECX1
	}
	e.Edx &^= httEDX1
	if c.cpus > 1 {
		e.Edx |= httEDX1
	}
}

// cache adapts a cache's leaf: the first two levels are each core's own, those above
// are shared by all.
func (c cpuid) cache(e *gokvm.CPUIDEntry2) {
	if e.Eax&0x1f == 0 {
		return // the end of the list
	}
	all := uint32(1)<<c.idBits() - 1 // APIC ids in the package less 1
	level := e.Eax >> 5 & 7
	e.Eax &= 1<<14 - 1
	if level > 2 {
		e.Eax |= all << 14
	}
	if e.Function == leafCaches { // AMD's does not tell the number of cores
		e.Eax |= min(all, 63) << 26
	}
}

// topology makes leaf 0xb or 0x1f: a level of threads, one of cores, and the end.
func (c cpuid) topology(leaf uint32) []gokvm.CPUIDEntry2 {
	const thread, core = 1 << 8, 2 << 8 // types of levels
	return []gokvm.CPUIDEntry2{
		{Function: leaf, Index: 0, Flags: significantIndex, Eax: 0, Ebx: 1, Ecx: thread | 0, Edx: c.id},
		{Function: leaf, Index: 1, Flags: significantIndex, Eax: c.idBits(), Ebx: c.cpus, Ecx: core | 1, Edx: c.id},
		{Function: leaf, Index: 2, Flags: significantIndex, Ecx: 2, Edx: c.id},
	}
}

// idBits is the number of bits of an APIC id that tell a package's cores apart.
func (c cpuid) idBits() uint32 { return uint32(bits.Len32(c.cpus - 1)) }
