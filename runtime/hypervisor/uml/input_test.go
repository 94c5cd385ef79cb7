// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package uml

import (
	"bufio"
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"arcbox.dev/guest/kernel"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/hypervisor/hvtest"
	"github.com/stretchr/testify/require"
)

// TestConsoleInput types to a shell on the console, in each way of locking in and
// from more than one writer; a writer's end is not the console's.
func TestConsoleInput(t *testing.T) {
	guest := hvtest.UserMode(t, kernel.Origin(""))
	for _, conf := range confinements(t) {
		t.Run(string(conf), func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			dir, err := os.MkdirTemp("", "hv")
			require.NoError(t, err)
			defer os.RemoveAll(dir)
			vm, err := (&Hypervisor{Jail: conf}).Create(ctx, hypervisor.Config{
				ID: "typed", Dir: dir, CPUs: 1, Memory: 128 << 20, Kernel: guest.Kernel, Initramfs: guest.Initramfs,
				Cmdline: []string{"quiet", "rdinit=/bin/busybox", "--", "sh", "-s"}, // UML appends root=…, which -s makes an operand,
			})
			require.NoError(t, err)
			defer vm.Close()
			early, err := vm.ConsoleInput()
			require.NoError(t, err)
			_, err = io.WriteString(early, "echo early $((6*7))\n")
			require.NoError(t, err)
			require.NoError(t, early.Close())
			require.NoError(t, vm.Start(ctx))
			out, err := vm.Console()
			require.NoError(t, err)
			defer out.Close()
			lines := bufio.NewScanner(out)
			waitFor := func(want string) {
				for lines.Scan() {
					if strings.HasPrefix(lines.Text(), want) {
						return
					}
				}
				exit, err := vm.Wait(ctx)
				t.Fatalf("the console ended before %q: %v, %v", want, exit, err)
			}
			waitFor("early 42")
			late, err := vm.ConsoleInput()
			require.NoError(t, err)
			_, err = io.WriteString(late, "echo late $((7*7))\n/bin/busybox poweroff -f\n")
			require.NoError(t, err)
			waitFor("late 49")
			exit, err := vm.Wait(ctx)
			require.NoError(t, err)
			require.Equal(t, hypervisor.ExitPowerOff, exit.Reason)
			require.Eventually(t, func() bool { _, err := io.WriteString(late, "x"); return err != nil }, time.Second, time.Millisecond)
			require.NoError(t, late.Close())
		})
	}
}
