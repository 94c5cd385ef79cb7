// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"fmt"
	"testing"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/asmtest"
	"arcbox.dev/runtime/vmm/kvmapi"
)

type leaf = gokvm.CPUIDEntry2

// find returns a leaf's subleaf.
func find(t *testing.T, leaves []leaf, function, index uint32) leaf {
	t.Helper()
	var found []leaf
	for _, e := range leaves {
		if e.Function == function && e.Index == index {
			found = append(found, e)
		}
	}
	require.Len(t, found, 1, "leaf %#x.%d", function, index)
	return found[0]
}

// a host's leaves, with ones where guests must not see the host's.
var hostLeaves = []leaf{
	{Function: 0, Eax: 0x1f, Ebx: 0x756e6547},
	{Function: 1, Eax: 0x806f8, Ebx: 0xff_ff_08_00, Ecx: 0x7fff_ffff &^ x2apicECX1 &^ deadlineECX1, Edx: 0xffff_ffff},
	{Function: 4, Index: 0, Flags: significantIndex, Eax: 0xffff_c121, Ebx: 1},
	{Function: 4, Index: 1, Flags: significantIndex, Eax: 0xffff_c143, Ebx: 2},
	{Function: 4, Index: 2, Flags: significantIndex, Eax: 0xffff_c163, Ebx: 3},
	{Function: 4, Index: 3, Flags: significantIndex},
	{Function: 7, Flags: significantIndex, Ebx: 0x1234},
	{Function: 0xa, Eax: 0x0730_0805, Ebx: 1, Ecx: 2, Edx: 3},
	{Function: 0xb, Flags: significantIndex, Eax: 9, Ebx: 9, Ecx: 9, Edx: 9},
	{Function: 0x1f, Flags: significantIndex, Eax: 9, Ebx: 9, Ecx: 9, Edx: 9},
	{Function: 0x4000_0000, Eax: 0x4000_0001, Ebx: 0x4b4d564b, Ecx: 0x564b4d56, Edx: 0x4d},
	{Function: 0x4000_0001, Eax: 0x0100_7efb},
	{Function: 0x8000_0001, Ecx: 0xffff_ffff},
	{Function: 0x8000_0008, Eax: 0x3039, Ecx: 0xffff_ffff},
	{Function: 0x8000_001d, Index: 0, Flags: significantIndex, Eax: 0x3ff_c121},
	{Function: 0x8000_001d, Index: 3, Flags: significantIndex, Eax: 0x3ff_c163},
	{Function: 0x8000_001e, Eax: 99, Ebx: 0x1ff, Ecx: 0x7ff},
	{Function: 0x8000_0022, Eax: 1, Ebx: 6},
}

func TestCPUID(t *testing.T) {
	tests := []struct {
		id, cpus        uint32
		idBits          uint32
		sharing         uint32 // APIC ids that share the last cache, less 1
		manyCores, cmpl bool
	}{
		{id: 0, cpus: 1},
		{id: 1, cpus: 2, idBits: 1, sharing: 1, manyCores: true, cmpl: true},
		{id: 2, cpus: 3, idBits: 2, sharing: 3, manyCores: true, cmpl: true},
		{id: 0, cpus: 64, idBits: 6, sharing: 63, manyCores: true, cmpl: true},
		{id: 254, cpus: 255, idBits: 8, sharing: 255, manyCores: true, cmpl: true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("id=%d/cpus=%d", tt.id, tt.cpus), func(t *testing.T) {
			before := append([]leaf{}, hostLeaves...)
			got := cpuid{id: tt.id, cpus: tt.cpus, tscKHz: 2_100_000, deadline: true}.leaves(hostLeaves)
			require.Equal(t, before, hostLeaves, "the host's leaves were changed")
			get := func(function, index uint32) leaf { return find(t, got, function, index) }

			one := get(1, 0)
			require.Equal(t, tt.id<<24|tt.cpus<<16|0x08_00, one.Ebx)
			require.Zero(t, one.Ecx&(vmxECX1|pdcmECX1))
			require.EqualValues(t, uint32(hypervisorECX1|x2apicECX1|deadlineECX1), one.Ecx&(hypervisorECX1|x2apicECX1|deadlineECX1))
			require.Equal(t, tt.manyCores, one.Edx&httEDX1 != 0)

			cores := min(tt.sharing, 63)
			require.Equal(t, leaf{Function: 4, Flags: 1, Eax: cores<<26 | 0x121, Ebx: 1}, get(4, 0))
			require.Equal(t, leaf{Function: 4, Index: 1, Flags: 1, Eax: cores<<26 | 0x143, Ebx: 2}, get(4, 1))
			require.Equal(t, leaf{Function: 4, Index: 2, Flags: 1, Eax: cores<<26 | tt.sharing<<14 | 0x163, Ebx: 3}, get(4, 2))
			require.Equal(t, hostLeaves[5], get(4, 3))
			require.Equal(t, hostLeaves[6], get(7, 0))
			require.Equal(t, leaf{Function: 0xa}, get(0xa, 0))

			for _, f := range []uint32{0xb, 0x1f} {
				require.Equal(t, leaf{Function: f, Flags: 1, Ebx: 1, Ecx: 0x100, Edx: tt.id}, get(f, 0))
				require.Equal(t, leaf{Function: f, Index: 1, Flags: 1, Eax: tt.idBits, Ebx: tt.cpus, Ecx: 0x201, Edx: tt.id}, get(f, 1))
				require.Equal(t, leaf{Function: f, Index: 2, Flags: 1, Ecx: 2, Edx: tt.id}, get(f, 2))
			}

			require.EqualValues(t, 0x4000_0010, get(0x4000_0000, 0).Eax)
			require.Equal(t, hostLeaves[11], get(0x4000_0001, 0))
			require.Equal(t, leaf{Function: 0x4000_0010, Eax: 2_100_000, Ebx: 1_000_000}, get(0x4000_0010, 0))

			amd := get(0x8000_0001, 0).Ecx
			require.Zero(t, amd&(svmECX8|perfCoreECX8|perfNBECX8|perfLLCECX8))
			require.Equal(t, tt.cmpl, amd&cmpLegacyECX8 != 0)
			require.Equal(t, 0xffff_0f00|tt.idBits<<12|tt.cpus-1, get(0x8000_0008, 0).Ecx)
			require.EqualValues(t, 0x121, get(0x8000_001d, 0).Eax)
			require.Equal(t, tt.sharing<<14&0x3ff_c000|0x163, get(0x8000_001d, 3).Eax)
			require.Equal(t, leaf{Function: 0x8000_001e, Eax: tt.id, Ebx: tt.id}, get(0x8000_001e, 0))
			require.Equal(t, leaf{Function: 0x8000_0022}, get(0x8000_0022, 0))
		})
	}
}

// TestCPUIDSmallHost: a CPU with few leaves gets the topology leaf, and no second form.
func TestCPUIDSmallHost(t *testing.T) {
	got := cpuid{cpus: 2}.leaves([]leaf{{Function: 0, Eax: 2}, {Function: 1}})
	require.EqualValues(t, 0xb, find(t, got, 0, 0).Eax)
	require.Zero(t, find(t, got, 1, 0).Ecx&deadlineECX1)
	find(t, got, 0xb, 0)
	for _, e := range got {
		require.NotEqualValues(t, 0x1f, e.Function)
	}
}

// TestCPUIDOfHost: this host's KVM takes what is made of its leaves, and has a
// paravirtual clock to offer.
func TestCPUIDOfHost(t *testing.T) {
	g := newGuest(t, 3)
	supported, err := kvmapi.SupportedCPUID(g.vm.cfg.Device)
	require.NoError(t, err)
	leaves := cpuid{id: 1, cpus: 3, deadline: true}.leaves(supported)
	require.NoError(t, kvmapi.SetCPUID(g.vm.cpus[1].fd, leaves))
	const clocksource2 = 1 << 3 // KVM_FEATURE_CLOCKSOURCE2
	require.NotZero(t, find(t, leaves, 0x4000_0001, 0).Eax&clocksource2)

	// And the guest sees it.
	g.start32(new(asmtest.Program).EAX(1).Raw(0x0f, 0xa2). // cpuid
								Raw(0x89, 0xc8).EDI(dataAddr).Store32().   // mov eax, ecx
								Raw(0x89, 0xd8).EDI(dataAddr+4).Store32(). // mov eax, ebx
								Tell(toldPort, 'd').Spin())
	g.hears('d')
	const want = hypervisorECX1 | x2apicECX1 | deadlineECX1
	require.EqualValues(t, uint32(want), g.word(dataAddr)&want)
	require.EqualValues(t, 3<<16, g.word(dataAddr+4)&0xffff_0000)
}
