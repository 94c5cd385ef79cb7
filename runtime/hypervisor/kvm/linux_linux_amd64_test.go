// SPDX-License-Identifier: MIT OR Apache-2.0

package kvm

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/client"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/hvtest"
)

// TestLifeEnds: a guest that ends in whatever way is seen to within a second, and the
// reason is named.
func TestLifeEnds(t *testing.T) {
	h := needLinux(t)
	g := lean(t)
	for _, c := range []struct {
		name    string
		cmdline []string
		args    []string
		reason  hypervisor.ExitReason
		detail  string
	}{
		{"power off", nil, []string{"/bin/busybox", "poweroff", "-f"}, hypervisor.ExitPowerOff, ""},
		{"reboot", nil, []string{"/bin/busybox", "reboot", "-f"}, hypervisor.ExitReboot, ""},
		{"halt", nil, []string{"/bin/busybox", "halt", "-f"}, hypervisor.ExitPowerOff, ""},
		{"triple fault", []string{"reboot=t"}, []string{"/bin/busybox", "reboot", "-f"}, hypervisor.ExitCrash, "triple fault"},
	} {
		t.Run(c.name, func(t *testing.T) {
			vm, agent := hvtest.Boot(t, h, g, func(cfg *hypervisor.Config) { cfg.Cmdline = append(cfg.Cmdline, c.cmdline...) })
			begin := time.Now()
			_, _ = agent.Start(t.Context(), client.ExecConfig{Args: c.args}) // it may be gone before it answers
			exit, err := vm.Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, c.reason, exit.Reason, exit.Detail)
			require.Contains(t, exit.Detail, c.detail)
			require.Less(t, time.Since(begin), 10*time.Second)
		})
	}
}

// TestLifeLoop: a guest that loops for ever is paused and ended at once.
func TestLifeLoop(t *testing.T) {
	h := needLinux(t)
	vm, agent := hvtest.Boot(t, h, lean(t), func(cfg *hypervisor.Config) { cfg.CPUs = 2 })
	for range 2 {
		_, err := agent.Start(t.Context(), client.ExecConfig{Args: []string{"/bin/busybox", "sh", "-c", "while :; do :; done"}})
		require.NoError(t, err)
	}
	time.Sleep(300 * time.Millisecond)
	begin := time.Now()
	require.NoError(t, vm.Pause(t.Context()))
	require.Less(t, time.Since(begin), time.Second)
	exits := func() map[string]uint64 {
		s, err := vm.Stats(t.Context())
		require.NoError(t, err)
		return s.Exits
	}
	before := exits()
	time.Sleep(500 * time.Millisecond)
	require.Equal(t, before, exits(), "a paused guest ran")
	require.NoError(t, vm.Resume(t.Context()))
	begin = time.Now()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, vm.Stop(ctx))
	require.Less(t, time.Since(begin), time.Second)
}

// TestLifeBalloon: what the guest is to give back comes back to the host.
func TestLifeBalloon(t *testing.T) {
	h := needLinux(t)
	vm, agent := hvtest.Boot(t, h, lean(t), func(cfg *hypervisor.Config) { cfg.Memory = 512 << 20 })
	free := func() (kib uint64) {
		_, err := fmt.Sscanf(hvtest.Run(t, agent, "/bin/busybox", "grep", "MemFree", "/proc/meminfo"), "MemFree: %d kB", &kib)
		require.NoError(t, err)
		return kib
	}
	before := free()
	require.NoError(t, vm.SetMemoryTarget(t.Context(), 256<<20))
	require.Eventually(t, func() bool { return free() < before-200<<10 }, 20*time.Second, 200*time.Millisecond, "the guest has given nothing back")
	require.NoError(t, vm.SetMemoryTarget(t.Context(), 512<<20))
	require.Eventually(t, func() bool { return free() > before-50<<10 }, 20*time.Second, 200*time.Millisecond, "the guest has not got it again")
}

var origin = flag.String("kernel", "lean", "where TestInARow's kernel comes from: lean or packaged")

var boots = flag.Int("boots", 3, "how many VMs TestInARow boots")

// TestInARow boots VMs one after the other, and prints what a boot takes: times,
// which are of this machine, and counts, which are not.
func TestInARow(t *testing.T) {
	h := needLinux(t)
	g := hvtest.Machine(t, kernel.Origin(*origin), Modules...)
	var ready []time.Duration
	exits := map[string][]uint64{}
	for range *boots {
		t.Run("boot", func(t *testing.T) {
			begin := events.Now()
			vm, _ := hvtest.Boot(t, h, g)
			ready = append(ready, events.Now()-begin)
			s, err := vm.Stats(t.Context())
			require.NoError(t, err)
			for reason, n := range s.Exits {
				exits[reason] = append(exits[reason], n)
			}
			require.NoError(t, vm.Stop(t.Context()))
			exit, err := vm.Wait(t.Context())
			require.NoError(t, err)
			require.Equal(t, hypervisor.ExitPowerOff, exit.Reason, exit.Detail)
		})
	}
	require.Len(t, ready, *boots)
	slices.Sort(ready)
	fmt.Printf("RESULT %d boots, agent_ready after %v (median), %v to %v\n", len(ready), ready[len(ready)/2], ready[0], ready[len(ready)-1])
	for reason, n := range exits {
		slices.Sort(n)
		fmt.Printf("RESULT exits %s: %d (median), %d to %d\n", reason, n[len(n)/2], n[0], n[len(n)-1])
	}
}
