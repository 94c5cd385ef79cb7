// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package hvtest is the conformance suite of the hypervisor contract: one set of
// tests that every driver passes, with a real kernel and the real agent. A test is
// skipped only where the driver itself says errdefs.ErrNotSupported.
package hvtest

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/guest/initramfs"
	"arcbox.dev/guest/kernel"
	"arcbox.dev/guest/protocol"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
)

// limit is how long any one step of a test may take.
var limit = patience()

// slowVariable says how many times slower than usual this machine is, where it is
// one in software.
const slowVariable = "ARCBOX_TEST_SLOW"

func patience() time.Duration {
	times, err := strconv.Atoi(os.Getenv(slowVariable))
	if err != nil || times < 1 {
		times = 1
	}
	return time.Duration(times) * 30 * time.Second
}

// Guest is what the suite boots.
type Guest struct {
	Kernel    string
	Initramfs string // with the agent as /init and busybox in /bin
}

// Suite runs the whole suite on a driver.
func Suite(t *testing.T, h hypervisor.Hypervisor, g Guest) {
	for _, c := range []struct {
		name string
		test func(*testing.T, fixture)
	}{
		{"Refuses", testRefuses},
		{"PowerOffByAgent", testPowerOffByAgent},
		{"StopPressesThePowerButton", testStop},
		{"StopIsForcedWhenTheGuestHangs", testStopForced},
		{"Kill", testKill},
		{"Panic", testPanic},
		{"Pause", testPause},
		{"Console", testConsole},
		{"ConsoleInput", testConsoleInput},
		{"Vsock", testVsock},
		{"VsockCarriesBytes", testVsockBytes},
		{"DiskPartitions", testPartitions},
		{"DiskWritable", testWritable},
		{"CPUs", testCPUs},
		{"Memory", testMemory},
		{"Stats", testStats},
		{"Snapshot", testSnapshot},
		{"MemoryTarget", testMemoryTarget},
		{"LeavesNothing", testLeavesNothing},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fixture{h, g}) })
	}
}

// fixture is what a test gets.
type fixture struct {
	h hypervisor.Hypervisor
	g Guest
}

// config returns a configuration that works.
func (f fixture) config(t *testing.T) hypervisor.Config {
	return hypervisor.Config{
		ID: "hvtest", Dir: shortDir(t), CPUs: 1, Memory: 192 << 20,
		Kernel: f.g.Kernel, Initramfs: f.g.Initramfs, Cmdline: []string{"loglevel=6"}, Vsock: true,
	}
}

// shortDir is a private folder whose path leaves room for the name of a socket.
func shortDir(t *testing.T) string {
	dir, err := os.MkdirTemp("", "hv")
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// create creates a VM and closes it at the end of the test.
func (f fixture) create(t *testing.T, cfg hypervisor.Config) hypervisor.VirtualMachine {
	vm, err := f.h.Create(within(t), cfg)
	skipUnsupported(t, err)
	require.NoError(t, err)
	t.Cleanup(func() {
		if t.Failed() {
			logConsole(t, vm)
		}
		require.NoError(t, vm.Close())
	})
	return vm
}

// boot creates and boots a VM and connects to its agent.
func (f fixture) boot(t *testing.T, change ...func(*hypervisor.Config)) (hypervisor.VirtualMachine, *client.Client) {
	cfg := f.config(t)
	for _, c := range change {
		c(&cfg)
	}
	vm := f.create(t, cfg)
	ready, err := vm.Listen(protocol.ReadyPort)
	require.NoError(t, err)
	defer ready.Close()
	require.NoError(t, vm.Start(within(t)))
	_, err = client.WaitReady(within(t), ready)
	require.NoError(t, err)
	agent, err := client.Connect(within(t), vm)
	require.NoError(t, err)
	t.Cleanup(func() { agent.Close() })
	return vm, agent
}

// within returns a context that ends in time for the test to say where it hung.
func within(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	t.Cleanup(cancel)
	return ctx
}

func skipUnsupported(t *testing.T, err error) {
	if errors.Is(err, errdefs.ErrNotSupported) {
		t.Skip(err)
	}
}

// run runs a command in the guest and returns what it printed.
func run(t *testing.T, agent *client.Client, stdin string, args ...string) string {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p, err := agent.Start(within(t), client.ExecConfig{Args: args, Stdin: bytes.NewBufferString(stdin), Stdout: &stdout, Stderr: &stderr})
	require.NoError(t, err)
	status, err := p.Wait(within(t))
	require.NoError(t, err)
	require.Zero(t, status.ExitCode(), "%v: %s", args, stderr.String())
	return stdout.String()
}

// wait waits for the VM's end.
func wait(t *testing.T, vm hypervisor.VirtualMachine, limit time.Duration) hypervisor.Exit {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	exit, err := vm.Wait(ctx)
	require.NoError(t, err)
	return exit
}

// logConsole prints what the guest wrote, for a test that failed.
func logConsole(t *testing.T, vm hypervisor.VirtualMachine) {
	if s, err := vm.Stats(within(t)); err == nil {
		t.Logf("devices: %v", s.Devices)
	}
	c, err := vm.Console()
	if err != nil {
		return
	}
	vm.Kill()
	var text bytes.Buffer
	done := make(chan struct{})
	go func() { text.ReadFrom(c); close(done) }()
	select {
	case <-done:
		t.Logf("console:\n%s", text.String())
	case <-time.After(5 * time.Second):
	}
	c.Close()
}

// UserMode returns a guest on the User-Mode Linux kernel of the given origin,
// with the agent built from this repository.
func UserMode(t *testing.T, origin kernel.Origin) Guest { return linux(t, kernel.UML, origin) }

// Machine returns the same on a kernel for virtual machines. The further modules are
// those by which a kernel that has modules finds the driver's devices.
func Machine(t *testing.T, origin kernel.Origin, modules ...string) Guest {
	return linux(t, kernel.VM, origin, modules...)
}

func linux(t *testing.T, flavour kernel.Flavour, origin kernel.Origin, carriers ...string) Guest {
	k, err := kernel.Find(kernel.Options{Flavour: flavour, Origin: origin})
	if errors.Is(err, kernel.ErrNotFound) {
		t.Skip(err)
	}
	require.NoError(t, err)
	modules, err := k.Modules(append(carriers, "virtio_blk", "vmw_vsock_virtio_transport", "erofs", "overlay")...)
	require.NoError(t, err)
	if flavour == kernel.VM {
		k.Path, err = k.Uncompressed()
		require.NoError(t, err)
	}
	const busybox = "/bin/busybox"
	if _, err := os.Stat(busybox); err != nil {
		t.Skipf("%v: run ci/setup test", err)
	}
	path, err := initramfs.Cached(t.TempDir(), initramfs.Spec{
		Init: Agent(t), Modules: modules,
		Files: []initramfs.File{{Name: "/bin/busybox", Mode: 0o755, Source: busybox}},
	})
	require.NoError(t, err)
	return Guest{Kernel: k.Path, Initramfs: path}
}

// builtVariable names a folder in which the agent was built before: a machine that
// is made for tests has no compiler.
const builtVariable = "ARCBOX_TEST_BUILT"

var buildAgent = sync.OnceValues(func() (string, error) {
	if dir := os.Getenv(builtVariable); dir != "" {
		return filepath.Join(dir, "arcbox-agent"), nil
	}
	dir, err := os.MkdirTemp("", "hvtest-agent")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "agent")
	cmd := exec.Command("go", "build", "-ldflags=-s -w", "-o", path, "arcbox.dev/cmd/arcbox-agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = errors.Join(err, errors.New(string(out)))
	}
	return path, err
})

// Agent builds the agent once a test binary and returns its path; RemoveAgent removes it.
func Agent(t *testing.T) string {
	path, err := buildAgent()
	require.NoError(t, err)
	return path
}

// RemoveAgent removes what this process built. TestMain calls it at the end.
func RemoveAgent() {
	if path, err := buildAgent(); err == nil && os.Getenv(builtVariable) == "" {
		os.RemoveAll(filepath.Dir(path))
	}
}
