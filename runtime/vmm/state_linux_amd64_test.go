// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"context"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	gokvm "github.com/bobuhiro11/gokvm/kvm"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/vmm/asmtest"
	"arcbox.dev/runtime/vmm/boot"
	"arcbox.dev/runtime/vmm/kvmapi"
)

// counting is a program that counts in memory for ever.
func counting() *asmtest.Program {
	a := new(asmtest.Program).EDI(dataAddr)
	top := a.Here()
	return a.Raw(0xff, 0x07).Back(asmtest.JMP, top) // inc dword [edi]; jmp
}

// counts wants the guest to count on.
func (g *guest) counts() {
	g.t.Helper()
	before := g.word(dataAddr)
	require.Eventually(g.t, func() bool { return g.word(dataAddr) != before }, soon, time.Millisecond)
}

// standsStill wants it not to.
func (g *guest) standsStill() {
	g.t.Helper()
	before := g.word(dataAddr)
	time.Sleep(30 * time.Millisecond)
	require.Equal(g.t, before, g.word(dataAddr))
}

func TestPause(t *testing.T) {
	g := newGuest(t, 2)
	require.ErrorIs(t, g.vm.Pause(t.Context()), errdefs.ErrInvalid, "not started")
	g.start32(counting())
	require.ErrorIs(t, g.vm.Start(), errdefs.ErrInvalid, "started already")
	require.NoError(t, g.vm.Resume())
	for range 3 {
		g.counts()
		asked := time.Now()
		require.NoError(t, g.vm.Pause(t.Context()))
		require.Less(t, time.Since(asked), time.Second)
		require.NoError(t, g.vm.Pause(t.Context()))
		g.standsStill()
		times := g.vm.VCPUTimes()
		require.Positive(t, times[0])
		require.NoError(t, g.vm.Resume())
		require.NoError(t, g.vm.Resume())
	}
	g.counts()
	require.NoError(t, g.vm.Pause(t.Context()))
	require.NoError(t, g.vm.Close())
	require.ErrorIs(t, g.vm.Pause(t.Context()), errdefs.ErrUnavailable)
	require.ErrorIs(t, g.vm.Resume(), errdefs.ErrUnavailable)
	require.ErrorIs(t, g.vm.Start(), errdefs.ErrUnavailable)
}

// TestPauseCompletesAccess: a guest that is paused while a device answers has taken
// the answer, and has not executed the next instruction.
func TestPauseCompletesAccess(t *testing.T) {
	const port, addr = 0x200, mmioBase + 0x1000
	tests := []struct {
		name   string
		before *asmtest.Program
		access []byte // the instruction in question
	}{
		{"port", new(asmtest.Program).EDX(port), []byte{0xec}},       // in al, dx
		{"MMIO", new(asmtest.Program).EDI(addr), []byte{0x8a, 0x07}}, // mov al, [edi]
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			g := newGuest(t, 1)
			asked, answer := make(chan struct{}), make(chan byte)
			device := hook{read: func(_ uint64, p []byte) { asked <- struct{}{}; p[0] = <-answer }}
			require.NoError(t, g.pio.Add(port, 1, device))
			require.NoError(t, g.mmio.Add(addr, 1, device))
			a := tt.before.EAX(0).Raw(tt.access...)
			after := codeAddr + len(a.Code)
			g.start32(a.EDI(dataAddr).Store32().Tell(toldPort, 'd').Spin())
			<-asked

			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			require.ErrorIs(t, g.vm.Pause(ctx), context.DeadlineExceeded)

			paused := make(chan error)
			go func() { paused <- g.vm.Pause(t.Context()) }()
			require.Eventually(t, func() bool {
				g.vm.mu.Lock()
				defer g.vm.mu.Unlock()
				return g.vm.holds == 1
			}, soon, time.Millisecond)
			answer <- 0x5a
			require.NoError(t, <-paused)

			var regs gokvm.Regs
			require.NoError(t, kvmapi.GetRegs(g.vm.cpus[0].fd, &regs))
			require.EqualValues(t, 0x5a, regs.RAX)
			require.EqualValues(t, after, regs.RIP)
			require.Zero(t, g.word(dataAddr))
			require.NoError(t, g.vm.Resume())
			g.hears('d')
			require.EqualValues(t, 0x5a, g.word(dataAddr))
		})
	}
}

// TestPauseString: a string instruction of many accesses is paused in between.
func TestPauseString(t *testing.T) {
	g := newGuest(t, 1)
	require.NoError(t, g.pio.Add(0x200, 1, hook{
		read: func(uint64, []byte) {}, write: func(uint64, []byte) {},
	}))
	a := new(asmtest.Program).EDX(0x200)
	top := a.Here()
	g.start32(a.ESI(0).ECX(memory).Raw(0xf3, 0x6e).Back(asmtest.JMP, top)) // rep outsb
	for range 5 {
		require.NoError(t, g.vm.Pause(t.Context()))
		before := g.exits()["port_write"]
		time.Sleep(time.Millisecond)
		require.Equal(t, before, g.exits()["port_write"])
		require.NoError(t, g.vm.Resume())
	}
}

// TestEnd: the first reason counts, whoever gives it.
func TestEnd(t *testing.T) {
	g := newGuest(t, 2)
	require.NoError(t, g.pio.Add(0x604, 2, hook{write: func(_ uint64, p []byte) {
		g.vm.End(PowerOff, "asked by the guest")
		g.vm.End(Failed, "too late")
	}}))
	reason, _ := g.vm.Reason()
	require.Empty(t, reason)
	g.start32(new(asmtest.Program).EDX(0x604).EAX(0x2000).Out16().Tell(toldPort, '!').Spin())
	require.Equal(t, "asked by the guest", g.ends(PowerOff))
	require.Empty(t, g.told, "the guest has gone on")
	require.Equal(t, map[string]uint64{"port_write": 1}, g.exits())
}

// TestCloseSpinning: a guest that loops for ever is gone within a second.
func TestCloseSpinning(t *testing.T) {
	g := newGuest(t, 2)
	g.start32(counting())
	g.counts()
	asked := time.Now()
	require.NoError(t, g.vm.Close())
	require.Less(t, time.Since(asked), time.Second)
	g.ends(Stopped)
	g.standsStill()
	require.NoError(t, g.vm.Close())
	_, err := g.vm.IRQ(testGSI)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
	_, err = g.vm.Notify(mmioBase, 4, 0)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
	require.ErrorIs(t, g.vm.ShowReadOnly(mmioBase, g.mem), errdefs.ErrUnavailable)
	require.Error(t, g.vm.SetStart(boot.Start{}))
}

// TestCloseUnstarted: a VM may be thrown away as it is.
func TestCloseUnstarted(t *testing.T) {
	g := newGuest(t, 1)
	require.NoError(t, g.vm.Close())
	g.ends(Stopped)
}

// TestStates has everything happen at once. What is asked for is that all calls
// return, and that the VM ends.
func TestStates(t *testing.T) {
	for range 10 {
		g := newGuest(t, 2)
		g.start32(counting())
		ctx, cancel := context.WithTimeout(t.Context(), soon)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for g.vm.Pause(ctx) == nil && g.vm.Resume() == nil {
				}
			})
		}
		wg.Go(func() {
			for range 50 {
				g.vm.Exits()
				g.vm.VCPUTimes()
			}
			time.Sleep(rand.N(5 * time.Millisecond))
			g.vm.End(Reset, "")
			assert.NoError(t, g.vm.Close())
		})
		wg.Wait()
		require.NoError(t, ctx.Err())
		cancel()
		g.ends(Reset)
		require.NoError(t, g.vm.Close())
	}
}

// TestNothingIsLeft: neither descriptors nor threads add up.
func TestNothingIsLeft(t *testing.T) {
	left := func(dir string) int {
		entries, err := os.ReadDir(dir)
		require.NoError(t, err)
		return len(entries)
	}
	g := newGuest(t, 1) // also what the test itself keeps until its end
	one := func() {
		vm, err := New(Config{Device: g.vm.cfg.Device, CPUs: 3, RAM: g.ram, PIO: g.pio, MMIO: g.mmio})
		require.NoError(t, err)
		_, err = vm.IRQ(testGSI)
		require.NoError(t, err)
		_, err = vm.Notify(mmioBase, 4, 0)
		require.NoError(t, err)
		copy(g.mem[codeAddr:], counting().Code)
		require.NoError(t, vm.SetStart(startOf(boot.Protected32)))
		require.NoError(t, vm.Start())
		require.NoError(t, vm.Close())
	}
	one()
	files, threads := left("/proc/self/fd"), left("/proc/self/task")
	const times = 10
	for range times {
		one()
	}
	require.Equal(t, files, left("/proc/self/fd"))
	require.Less(t, left("/proc/self/task"), threads+times)
}

func TestNewFails(t *testing.T) {
	g := newGuest(t, 1)
	good := g.vm.cfg
	tests := []struct {
		name   string
		change func(c *Config)
		want   string
	}{
		{"no CPUs", func(c *Config) { c.CPUs = 0 }, "a VM cannot have 0 CPUs (give it 1 to 255)"},
		{"too many CPUs", func(c *Config) { c.CPUs = 256 }, "a VM cannot have 256 CPUs (give it 1 to 255)"},
		{"no device", func(c *Config) { c.Device = -1 }, "creating a VM: bad file descriptor"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			_, err := New(cfg)
			require.EqualError(t, err, tt.want)
		})
	}
}
