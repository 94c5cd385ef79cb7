// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package vmproc

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/hypervisor"
	"github.com/stretchr/testify/require"
)

// TestConsoleInput: what is typed arrives, and a write fails once nobody reads.
func TestConsoleInput(t *testing.T) {
	vm, _, err := create(t, "vm")
	require.NoError(t, err)
	typed := func(want string) func() bool {
		return func() bool {
			stats, err := vm.Stats(within(t))
			return err == nil && stats.Marks[0].Name == "m"+want
		}
	}
	for _, text := range []string{"first", "second"} { // one after the other: the console has no end
		in, err := vm.ConsoleInput()
		require.NoError(t, err)
		_, err = io.WriteString(in, text)
		require.NoError(t, err)
		require.NoError(t, in.Close())
		require.Eventually(t, typed("first"+map[string]string{"second": text}[text]), 5*time.Second, time.Millisecond)
	}
	in, err := vm.ConsoleInput()
	require.NoError(t, err)
	defer in.Close()
	_, err = io.WriteString(in, "end")
	require.NoError(t, err)
	require.Eventually(t, func() bool { _, err := io.WriteString(in, "x"); return err != nil }, 5*time.Second, time.Millisecond)
}

// TestDialByTheOwner: a VMM reaches the sockets that its configuration names, and no others.
func TestDialByTheOwner(t *testing.T) {
	dir := t.TempDir()
	there, absent := filepath.Join(dir, "there"), filepath.Join(dir, "absent")
	l, err := net.Listen("unix", there)
	require.NoError(t, err)
	defer l.Close()
	greeted := make(chan string, 8)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "from the device")
			conn.(*net.UnixConn).CloseWrite()
			text, _ := io.ReadAll(conn)
			conn.Close()
			greeted <- string(text)
		}
	}()
	vm, err := (&Launcher{VMM: "/proc/self/exe", Driver: "fake"}).Create(within(t), hypervisor.Config{
		ID: "dials", Dir: t.TempDir(), Remotes: []hypervisor.Remote{{Kind: "blk", Socket: there}, {Kind: "blk", Socket: absent}},
	})
	require.NoError(t, err)
	defer vm.Close()
	require.Equal(t, "early", <-greeted)

	conn, err := vm.Dial(within(t), 100)
	require.NoError(t, err)
	text, err := io.ReadAll(conn)
	require.NoError(t, err)
	require.Equal(t, "from the device", string(text))
	require.NoError(t, conn.Close())
	require.Empty(t, <-greeted)

	_, err = vm.Dial(within(t), 101)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
	require.ErrorContains(t, err, absent)
	_, err = vm.Dial(within(t), 102)
	require.ErrorIs(t, err, errdefs.ErrInvalid)
	require.EqualError(t, err, `the VM has no device at "/dev/log"`)
}

// TestNamespaces: the VMM has namespaces of its own, and knows of it.
func TestNamespaces(t *testing.T) {
	space := func(pid int, name string) string {
		link, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/%s", pid, name))
		require.NoError(t, err)
		return link
	}
	for _, own := range []bool{false, true} {
		dir := t.TempDir()
		vm, err := (&Launcher{VMM: "/proc/self/exe", Driver: "fake", Namespaces: own}).Create(within(t), hypervisor.Config{ID: "vm", Dir: dir})
		require.NoError(t, err)
		log, err := os.ReadFile(filepath.Join(dir, "vmm.log"))
		require.NoError(t, err)
		pid := vm.(*process).cmd.Process.Pid
		for _, name := range []string{"mnt", "net", "ipc"} {
			apart := space(pid, name) != space(os.Getpid(), name)
			require.Equal(t, own && len(log) == 0, apart, "%s: %s", name, log)
		}
		require.NoError(t, vm.Close())
	}
}
