// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package hvtest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
)

// testRefuses: what cannot work is refused before anything is started, in one line.
func testRefuses(t *testing.T, f fixture) {
	for name, c := range map[string]struct {
		change func(*hypervisor.Config)
		want   error
	}{
		"no CPU":          {func(c *hypervisor.Config) { c.CPUs = 0 }, errdefs.ErrInvalid},
		"negative CPUs":   {func(c *hypervisor.Config) { c.CPUs = -1 }, errdefs.ErrInvalid},
		"16 MiB":          {func(c *hypervisor.Config) { c.Memory = 16 << 20 }, errdefs.ErrInvalid},
		"more than is":    {func(c *hypervisor.Config) { c.Memory = 1 << 50 }, errdefs.ErrExhausted},
		"no kernel":       {func(c *hypervisor.Config) { c.Kernel = filepath.Join(c.Dir, "none") }, errdefs.ErrNotFound},
		"bad id":          {func(c *hypervisor.Config) { c.ID = "../x" }, errdefs.ErrInvalid},
		"disk of nothing": {func(c *hypervisor.Config) { c.Disks = []hypervisor.Disk{{ID: "d"}} }, errdefs.ErrInvalid},
		"missing disk": {func(c *hypervisor.Config) {
			c.Disks = []hypervisor.Disk{{ID: "d", Path: filepath.Join(c.Dir, "none")}}
		}, os.ErrNotExist},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := f.config(t)
			c.change(&cfg)
			vm, err := f.h.Create(within(t), cfg)
			require.Nil(t, vm)
			require.Error(t, err)
			if c.want == os.ErrNotExist {
				require.ErrorContains(t, err, "no such file")
			} else {
				require.ErrorIs(t, err, c.want)
			}
			require.NotContains(t, err.Error(), "\n")
		})
	}
}

func testPowerOffByAgent(t *testing.T, f fixture) {
	vm, agent := f.boot(t)
	require.NoError(t, agent.Shutdown(within(t), client.Shutdown{}))
	require.Equal(t, hypervisor.ExitPowerOff, wait(t, vm, 10*time.Second).Reason)
	_, err := vm.Dial(within(t), 1)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
}

func testStop(t *testing.T, f fixture) {
	vm, _ := f.boot(t)
	require.NoError(t, vm.Stop(within(t)))
	require.Equal(t, hypervisor.ExitPowerOff, wait(t, vm, time.Second).Reason)
	require.NoError(t, vm.Stop(within(t)), "stopping a stopped VM")
}

// testStopForced: a guest that does not act on its power button is ended when the context ends.
func testStopForced(t *testing.T, f fixture) {
	cfg := f.config(t)
	cfg.Cmdline = append(cfg.Cmdline, "rdinit=/bin/busybox", "--", "sleep", "1000")
	vm := f.create(t, cfg)
	require.NoError(t, vm.Start(within(t)))
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	require.NoError(t, vm.Stop(ctx))
	require.Less(t, time.Since(begin), 3*time.Second)
	wait(t, vm, time.Second)
}

func testKill(t *testing.T, f fixture) {
	vm, agent := f.boot(t)
	p, err := agent.Start(within(t), client.ExecConfig{Args: []string{"/bin/busybox", "sleep", "1000"}})
	require.NoError(t, err)
	begin := time.Now()
	require.NoError(t, vm.Kill())
	require.Equal(t, hypervisor.ExitKilled, wait(t, vm, time.Second).Reason)
	require.Less(t, time.Since(begin), 2*time.Second)
	_, err = p.Wait(within(t))
	require.ErrorIs(t, err, client.ErrGone)
}

// testPanic: the panic's own words reach the caller.
func testPanic(t *testing.T, f fixture) {
	cfg := f.config(t)
	cfg.Cmdline = append(cfg.Cmdline, "rdinit=/none")
	vm := f.create(t, cfg)
	require.NoError(t, vm.Start(within(t)))
	exit := wait(t, vm, limit)
	require.Equal(t, hypervisor.ExitPanic, exit.Reason)
	require.Regexp(t, `(?i)unable to mount root|no working init`, exit.Detail)
}

// counter counts the bytes written to it.
type counter struct{ n atomic.Int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

// testPause: a paused guest does not run, not even a loop that makes no system call for long.
func testPause(t *testing.T, f fixture) {
	vm, agent := f.boot(t)
	var ticks counter
	_, err := agent.Start(within(t), client.ExecConfig{
		Args: []string{"/bin/busybox", "sh", "-c", "while :; do i=0; while [ $i -lt 200 ]; do i=$((i+1)); done; echo; done"}, Stdout: &ticks,
	})
	require.NoError(t, err)
	require.Eventually(t, func() bool { return ticks.n.Load() > 10 }, limit, time.Millisecond)
	for range 3 {
		require.NoError(t, vm.Pause(within(t)))
		require.NoError(t, vm.Pause(within(t)), "pausing a paused VM")
		time.Sleep(100 * time.Millisecond) // what was under way on the host arrives
		before, cpu := ticks.n.Load(), guestTime(t, vm)
		time.Sleep(300 * time.Millisecond)
		require.Equal(t, before, ticks.n.Load(), "a paused guest wrote")
		require.LessOrEqual(t, guestTime(t, vm)-cpu, 10*time.Millisecond, "a paused guest ran")
		require.NoError(t, vm.Resume(within(t)))
		require.NoError(t, vm.Resume(within(t)), "resuming a running VM")
		require.Eventually(t, func() bool { return ticks.n.Load() > before }, limit, time.Millisecond)
	}
	_, err = agent.Ping(within(t))
	require.NoError(t, err)
	require.NoError(t, vm.Pause(within(t)))
	require.NoError(t, vm.Kill(), "killing a paused VM")
}

// guestTime is the CPU time of all of the VM's processes but the VMM's own.
func guestTime(t *testing.T, vm hypervisor.VirtualMachine) (total time.Duration) {
	s, err := vm.Stats(within(t))
	require.NoError(t, err)
	for _, p := range s.Processes {
		if p.Role != "vmm" {
			total += p.CPUTime
		}
	}
	return total
}

// testConsole: every reader gets what was written before it came, follows, and ends with the VM.
func testConsole(t *testing.T, f fixture) {
	vm, agent := f.boot(t)
	run(t, agent, "", "/bin/busybox", "sh", "-c", "echo first >/dev/console")
	readers := make([]chan string, 2)
	for i := range readers {
		c, err := vm.Console()
		require.NoError(t, err)
		readers[i] = make(chan string, 1)
		go func() {
			var b bytes.Buffer
			b.ReadFrom(c)
			readers[i] <- b.String()
			c.Close()
		}()
	}
	run(t, agent, "", "/bin/busybox", "sh", "-c", "echo second >/dev/console")
	require.NoError(t, vm.Stop(within(t)))
	for _, r := range readers {
		select {
		case text := <-r:
			require.Contains(t, text, "first")
			require.Contains(t, text, "second")
		case <-time.After(10 * time.Second):
			t.Fatal("the console does not end with the VM")
		}
	}
}

// testConsoleInput: what is typed arrives at what reads the console in the guest.
func testConsoleInput(t *testing.T, f fixture) {
	vm, agent := f.boot(t)
	in, err := vm.ConsoleInput()
	skipUnsupported(t, err)
	require.NoError(t, err)
	defer in.Close()
	var got bytes.Buffer
	p, err := agent.Start(within(t), client.ExecConfig{Args: []string{"/bin/busybox", "sh", "-c", "echo ready; read line </dev/console; echo got $line"}, Stdout: &got})
	require.NoError(t, err)
	time.Sleep(200 * time.Millisecond) // whatever is typed before somebody reads waits in the terminal
	_, err = in.Write([]byte("typed words\n"))
	require.NoError(t, err)
	status, err := p.Wait(within(t))
	require.NoError(t, err)
	require.Zero(t, status.ExitCode())
	require.Contains(t, got.String(), "got typed words")
}

// testCPUs: the guest has as many CPUs as it was to have.
func testCPUs(t *testing.T, f fixture) {
	_, agent := f.boot(t, func(c *hypervisor.Config) { c.CPUs = 2 })
	require.Equal(t, "2\n", run(t, agent, "", "/bin/busybox", "nproc"))
	// Each of them works, and they interrupt one another.
	run(t, agent, "", "/bin/busybox", "sh", "-c", "for i in 1 2 3 4; do (i=0; while [ $i -lt 2000 ]; do i=$((i+1)); done) & done; wait")
}

// testMemory: the guest has about as much memory as it was to have, little or much.
func testMemory(t *testing.T, f fixture) {
	for _, size := range []uint64{128 << 20, 1536 << 20} {
		_, agent := f.boot(t, func(c *hypervisor.Config) { c.Memory = size })
		var kib uint64
		_, err := fmt.Sscanf(run(t, agent, "", "/bin/busybox", "grep", "MemTotal", "/proc/meminfo"), "MemTotal: %d kB", &kib)
		require.NoError(t, err)
		require.LessOrEqual(t, kib<<10, size)
		require.Greater(t, kib<<10, size*3/4, "most of the memory is the guest's")
	}
}

func testStats(t *testing.T, f fixture) {
	vm, _ := f.boot(t)
	s, err := vm.Stats(within(t))
	require.NoError(t, err)
	var names []string
	for _, m := range s.Marks {
		names = append(names, m.Name)
		require.Positive(t, m.At)
	}
	require.Subset(t, names, []string{events.VMMUp, events.Kernel})
	require.NotEmpty(t, s.Processes)
	require.Equal(t, "vmm", s.Processes[0].Role)
	for _, p := range s.Processes {
		require.LessOrEqual(t, p.Anon+p.File+p.Shmem, p.PSS+16<<10)
	}
	require.NotEmpty(t, s.Devices["vsock"])
}

func testSnapshot(t *testing.T, f fixture) {
	vm, _ := f.boot(t)
	require.NoError(t, vm.Pause(within(t)))
	err := vm.Snapshot(within(t), shortDir(t))
	skipUnsupported(t, err)
	require.NoError(t, err)
}

func testMemoryTarget(t *testing.T, f fixture) {
	vm, _ := f.boot(t)
	err := vm.SetMemoryTarget(within(t), 128<<20)
	skipUnsupported(t, err)
	require.NoError(t, err)
}

// testLeavesNothing: after Close no process, socket or mount of the VM is left.
func testLeavesNothing(t *testing.T, f fixture) {
	cfg := f.config(t)
	vm := f.create(t, cfg)
	require.NoError(t, vm.Start(within(t)))
	s, err := vm.Stats(within(t))
	require.NoError(t, err)
	require.NoError(t, vm.Close())
	require.NoError(t, vm.Close(), "closing twice")
	for _, p := range s.Processes {
		if p.PID == os.Getpid() {
			continue
		}
		b, err := os.ReadFile("/proc/" + itoa(p.PID) + "/stat")
		require.True(t, err != nil || strings.Contains(string(b), ") Z "), "process %d (%s) is left: %s", p.PID, p.Role, b)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	require.NoError(t, err)
	require.NotContains(t, string(mounts), cfg.Dir)
	left, _ := filepath.Glob(filepath.Join(cfg.Dir, "*"))
	for _, l := range left {
		require.Equal(t, ".log", filepath.Ext(l), "%s is left", l)
	}
}
