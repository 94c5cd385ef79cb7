// SPDX-License-Identifier: MIT OR Apache-2.0

package program

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestMemory leaves out a process that does not exist and one that is a zombie.
func TestMemory(t *testing.T) {
	ended := exec.Command("/bin/cat")
	input, err := ended.StdinPipe()
	require.NoError(t, err)
	output, err := ended.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, ended.Start())
	require.NoError(t, input.Close())
	_, err = output.Read(make([]byte, 1)) // its end
	require.Error(t, err)

	role := func(pid int) string {
		if pid == os.Getpid() {
			return "lab"
		}
		return "none"
	}
	got, err := Memory([]int{1 << 30, os.Getpid(), ended.Process.Pid}, role)
	require.NoError(t, err)
	require.NotZero(t, got[0].PSS)
	require.Equal(t, os.Getpid(), got[0].PID)
	require.Equal(t, "lab", got[0].Role)
	require.NoError(t, ended.Wait())
	got, err = Memory([]int{ended.Process.Pid}, role)
	require.NoError(t, err)
	require.Empty(t, got)
}
