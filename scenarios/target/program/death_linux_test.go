// SPDX-License-Identifier: MIT OR Apache-2.0

package program

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestProcessDiesWithTheLab kills one that has started a process.
func TestProcessDiesWithTheLab(t *testing.T) {
	const env = "PROGRAM_TEST_LAB"
	if os.Getenv(env) != "" {
		p, err := Start(Command{Path: "/bin/sleep", Args: []string{"1000"}})
		require.NoError(t, err)
		fmt.Println("pid", p.PID)
		select {}
	}
	lab := exec.Command(os.Args[0], "-test.run=^TestProcessDiesWithTheLab$")
	lab.Env = append(os.Environ(), env+"=1")
	out, err := lab.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, lab.Start())
	var pid int
	_, err = fmt.Fscanf(bufio.NewReader(out), "pid %d", &pid)
	require.NoError(t, err)
	require.NoError(t, lab.Process.Kill())
	_ = lab.Wait() // killed
	require.Eventually(t, func() bool {
		// One that has ended and that nobody has waited for is a zombie.
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	}, 10*time.Second, 5*time.Millisecond)
}
