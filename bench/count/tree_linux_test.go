// SPDX-License-Identifier: MIT OR Apache-2.0

package count

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/bench/record"
)

// roleVariable has the test binary play a program that counts.
const roleVariable = "COUNT_TEST_ROLE"

func TestMain(m *testing.M) {
	role, ok := os.LookupEnv(roleVariable)
	if !ok {
		os.Exit(m.Run())
	}
	if err := play(role); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play makes system calls: "COUNT" of them itself, "COUNT child" in a child.
func play(role string) error {
	number, where, _ := strings.Cut(role, " ")
	calls, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	if where == "here" {
		for range calls {
			unix.Getppid()
			unix.Gettid()
		}
		return nil
	}
	tree, err := Reexec()
	if err != nil {
		return err
	}
	if err := tree.Start(); err != nil {
		return err
	}
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), roleVariable+"="+number+" here")
	if out, err := child.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	values, err := tree.Stop()
	if err != nil {
		return err
	}
	if _, err := tree.Stop(); err != errNotStarted {
		return fmt.Errorf("a second stop: %v", err)
	}
	return json.NewEncoder(os.Stdout).Encode(values)
}

// needRoot skips a test where system calls cannot be counted.
func needRoot(t *testing.T) {
	t.Helper()
	if events, err := open(); err != nil {
		t.Skip(err)
	} else {
		closeAll(events)
	}
}

// counted runs a program that counts.
func counted(t *testing.T, calls int) record.Sample {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%d", roleVariable, calls))
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, "%s", &stderr)
	var sample record.Sample
	require.NoError(t, json.Unmarshal(out, &sample.Values))
	require.Len(t, sample.Values, len(treeUnits))
	return sample
}

// TestTreeCountsChildren: what a child has done is counted after its end, and what
// is a matter of timing is told apart.
func TestTreeCountsChildren(t *testing.T) {
	needRoot(t)
	const calls = 20_000 // of each kind; many more than the rest of the programs makes
	few, many := counted(t, 0), counted(t, calls)
	difference := func(unit string) float64 {
		a, ok := few.Value(unit)
		require.True(t, ok, unit)
		require.Positive(t, a, unit)
		b, ok := many.Value(unit)
		require.True(t, ok, unit)
		return b - a
	}
	require.InEpsilon(t, 2*calls, difference(Syscalls), 0.05)
	require.InEpsilon(t, calls, difference(SteadySyscalls), 0.05)
	require.Less(t, difference(Faults), float64(calls))
}

func TestReexecWithoutRights(t *testing.T) {
	if os.Getuid() != 0 {
		_, err := Reexec()
		require.ErrorContains(t, err, "needs root")
		return
	}
	// The folder of the test binary may be root's alone.
	program, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	copied := filepath.Join(t.TempDir(), "program")
	require.NoError(t, os.WriteFile(copied, program, 0o755))
	require.NoError(t, os.Chmod(filepath.Dir(filepath.Dir(copied)), 0o755)) // TempDir's parent
	cmd := exec.Command(copied)
	cmd.Env = []string{roleVariable + "=0"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "counting system calls: ")
	require.Contains(t, string(out), "needs root")
	require.Equal(t, 1, strings.Count(string(out), "\n"), "%s", out)
}

// TestAdoptRefuses: whatever the environment says, only perf events are taken.
func TestAdoptRefuses(t *testing.T) {
	file, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer file.Close()
	no := strconv.Itoa(int(file.Fd()))
	for passed, want := range map[string]string{
		"":                  "does not name 4 events",
		"1,2,3":             "does not name 4 events",
		"a,b,c,d":           "invalid syntax",
		"-1,-1,-1,-1":       "invalid syntax",
		"99999999999,1,1,1": "value out of range",
		"1000000,1,1,1":     "no such file",
		strings.Join([]string{no, no, no, no}, ","): "and no event",
	} {
		t.Setenv(eventsVariable, passed)
		_, err := Reexec()
		require.ErrorContains(t, err, want)
		_, left := os.LookupEnv(eventsVariable)
		require.False(t, left, "what this process starts must not see it")
	}
}

// TestPrivateMountLeavesNothing: the tracepoint is found where tracefs is not mounted.
func TestPrivateMountLeavesNothing(t *testing.T) {
	needRoot(t)
	mounts := func() string {
		text, err := os.ReadFile("/proc/self/mountinfo")
		require.NoError(t, err)
		return string(text)
	}
	before := mounts()
	id, err := readIDPrivately(t.TempDir())
	require.NoError(t, err)
	want, err := tracepointID()
	require.NoError(t, err)
	require.Equal(t, want, id)
	require.Equal(t, before, mounts())
}

func TestSteadyFilter(t *testing.T) {
	filter := steadyFilter()
	require.True(t, strings.HasPrefix(filter, fmt.Sprintf("id != %d && ", unix.SYS_FUTEX)))
	require.Contains(t, filter+" ", fmt.Sprintf("id != %d ", unix.SYS_EPOLL_PWAIT))
	require.NotContains(t, filter+" ", fmt.Sprintf("id != %d ", unix.SYS_OPENAT))
	require.Equal(t, len(unsteady)+len(unsteadyHere)-1, strings.Count(filter, "&&"))
}
