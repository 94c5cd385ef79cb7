// SPDX-License-Identifier: MIT OR Apache-2.0

package qemu

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestQEMUDiesWithTheLab kills a process that has started one.
func TestQEMUDiesWithTheLab(t *testing.T) {
	const env = "QEMU_TEST_LAB"
	if os.Getenv(env) != "" {
		p, _, err := start("/bin/sleep", []string{"1000"})
		require.NoError(t, err)
		fmt.Println("pid", p.pid)
		select {}
	}
	lab := exec.Command(os.Args[0], "-test.run=^TestQEMUDiesWithTheLab$")
	lab.Env = append(os.Environ(), env+"=1")
	out, err := lab.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, lab.Start())
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(line, "pid ")))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, 0))

	require.NoError(t, lab.Process.Kill())
	_ = lab.Wait() // killed
	require.Eventually(t, func() bool { return gone(pid) }, 5*time.Second, 5*time.Millisecond)
}

// gone says whether a process has ended; one that nobody has waited for is a zombie.
func gone(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(stat), ") Z ")
}
