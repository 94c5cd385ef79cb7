// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"encoding/binary"
	"fmt"
	"testing"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/asmtest"
	"arcbox.dev/runtime/vmm/boot"
	"arcbox.dev/runtime/vmm/bus"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// TestTripleFault: an exception without a handler for it, nor for what follows.
func TestTripleFault(t *testing.T) {
	for _, mode := range []boot.Mode{boot.Protected32, boot.Long64} {
		t.Run(fmt.Sprint("mode=", mode), func(t *testing.T) {
			g := newGuest(t, 2)
			a := new(asmtest.Program).Raw(0x0f, 0x0b) // ud2
			if mode == boot.Long64 {
				g.start64(a)
			} else {
				g.start32(a)
			}
			detail := g.ends(TripleFault)
			require.Regexp(t, `^vCPU 0 at RIP 0x[0-9a-f]+$`, detail)
			require.Equal(t, map[string]uint64{"shutdown": 1}, g.exits())
		})
	}
}

// fake is a vCPU without KVM: its exits are made up.
func fake(pio, mmio *bus.Bus) *vcpu {
	v := newVM(Config{PIO: pio, MMIO: mmio})
	c := &vcpu{vm: v, fd: -1, page: make(kvmapi.RunPage, 3*4096)}
	v.cpus = []*vcpu{c}
	return c
}

// exit puts an exit with its words in the run page (struct kvm_run).
func (c *vcpu) exit(reason gokvm.ExitType, words ...uint64) {
	clear(c.page)
	binary.NativeEndian.PutUint32(c.page[8:], uint32(reason))
	for i, w := range words {
		binary.NativeEndian.PutUint64(c.page[32+8*i:], w)
	}
}

func TestLastExits(t *testing.T) {
	tests := []struct {
		name   string
		reason gokvm.ExitType
		words  []uint64
		want   Reason
		detail string
	}{
		{"shutdown", gokvm.EXITSHUTDOWN, nil, TripleFault, "vCPU 0"},
		{"system shutdown", kvmapi.ExitSystemEvent, []uint64{1}, PowerOff, ""},
		{"system reset", kvmapi.ExitSystemEvent, []uint64{2}, Reset, ""},
		{"system crash", kvmapi.ExitSystemEvent, []uint64{3}, Failed, "the guest reports a crash"},
		{"another system event", kvmapi.ExitSystemEvent, []uint64{6}, Failed, "unexpected system event 6, vCPU 0"},
		{"emulation", gokvm.EXITINTERNALERROR, []uint64{1 | 2<<32, 0xa, 0xb, 0xc}, Failed,
			"KVM internal error 1 (it cannot emulate an instruction), data [0xa 0xb], vCPU 0"},
		{"delivery", gokvm.EXITINTERNALERROR, []uint64{3}, Failed,
			"KVM internal error 3 (it cannot deliver an event), data [], vCPU 0"},
		{"another internal error", gokvm.EXITINTERNALERROR, []uint64{77}, Failed, "KVM internal error 77, data [], vCPU 0"},
		{"entry", gokvm.EXITFAILENTRY, []uint64{0x80000021, 3}, Failed,
			"host CPU 3 refuses to enter the guest, reason 0x80000021, vCPU 0"},
		{"halt", gokvm.EXITHLT, nil, Failed, "unexpected exit 5 (EXITHLT), vCPU 0"},
		{"unheard of", 1000, nil, Failed, "unexpected exit 1000 (ExitType(1000)), vCPU 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := fake(bus.New(), bus.New())
			c.exit(tt.reason, tt.words...)
			require.False(t, c.handle())
			reason, detail := c.vm.Reason()
			require.Equal(t, tt.want, reason)
			require.Equal(t, tt.detail, detail)
			require.True(t, c.page.ExitRequested())
		})
	}
}

// TestExitCost: answering an access allocates nothing, and counting is part of it.
func TestExitCost(t *testing.T) {
	pio, mmio := bus.New(), bus.New()
	var sum uint64
	device := hook{
		read:  func(_ uint64, p []byte) { p[0] = 1 },
		write: func(off uint64, p []byte) { sum += off + uint64(p[0]) },
	}
	require.NoError(t, pio.Add(0x3f8, 8, device))
	require.NoError(t, mmio.Add(mmioBase, 0x1000, device))
	const data = 4096 // offset of a port's data in the run page
	tests := []struct {
		name   string
		reason gokvm.ExitType
		words  []uint64
		kind   exitKind
	}{
		{"port in", gokvm.EXITIO, []uint64{0 | 1<<8 | 0x3f8<<16 | 1<<32, data}, exitPortRead},
		{"port out", gokvm.EXITIO, []uint64{1 | 1<<8 | 0x3f8<<16 | 1<<32, data}, exitPortWrite},
		{"string out", gokvm.EXITIO, []uint64{1 | 1<<8 | 0x3f8<<16 | 100<<32, data}, exitPortWrite},
		{"read", gokvm.EXITMMIO, []uint64{mmioBase, 0, 4}, exitMMIORead},
		{"write", gokvm.EXITMMIO, []uint64{mmioBase, 0, 4 | 1<<32}, exitMMIOWrite},
		{"nobody's", gokvm.EXITMMIO, []uint64{0, 0, 4}, exitMMIORead},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := fake(pio, mmio)
			c.exit(tt.reason, tt.words...)
			require.Zero(t, testing.AllocsPerRun(100, func() { c.handle() }))
			require.Equal(t, map[string]uint64{exitNames[tt.kind]: 101}, c.vm.Exits())
		})
	}
}

// FuzzHandle: whatever a run page says, an exit is answered or ends the VM.
func FuzzHandle(f *testing.F) {
	f.Add(uint32(gokvm.EXITIO), uint64(1|4<<8|0x3f8<<16|1000<<32), uint64(4096), uint64(0))
	f.Add(uint32(gokvm.EXITIO), uint64(0xff<<8|0xffff_ffff<<32), uint64(1<<63), uint64(0))
	f.Add(uint32(gokvm.EXITMMIO), uint64(1<<63), uint64(0), uint64(1<<32|0xffff_ffff))
	f.Add(uint32(gokvm.EXITINTERNALERROR), uint64(0xffff_ffff<<32), uint64(0), uint64(0))
	f.Fuzz(func(t *testing.T, reason uint32, a, b, c uint64) {
		cpu := fake(bus.New(), bus.New())
		cpu.exit(gokvm.ExitType(reason), a, b, c)
		goOn := cpu.handle()
		ended, _ := cpu.vm.Reason()
		require.Equal(t, goOn, ended == "")
	})
}

func BenchmarkHandle(b *testing.B) {
	pio := bus.New()
	require.NoError(b, pio.Add(0x3f8, 8, hook{write: func(uint64, []byte) {}}))
	c := fake(pio, bus.New())
	c.exit(gokvm.EXITIO, 1|1<<8|0x3f8<<16|1<<32, 4096)
	b.Run("exit=port_write", func(b *testing.B) {
		for b.Loop() {
			c.handle()
		}
	})
}
