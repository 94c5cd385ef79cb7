// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestRead reads this machine: clocks go on, and CPU time is neither lost nor made.
func TestRead(t *testing.T) {
	began := time.Now()
	before := read()
	for time.Since(began) < 30*ms {
	}
	got := read()
	most := time.Duration(got.cpus) * time.Since(began)
	require.Positive(t, got.cpus)
	require.GreaterOrEqual(t, got.cpus, len(mustCPUs(t)))
	require.Greater(t, got.mono, before.mono)
	require.InDelta(t, got.mono-before.mono, got.boot-before.boot, float64(minJump))
	require.Positive(t, got.lab-before.lab)
	require.GreaterOrEqual(t, got.idle, before.idle)
	require.LessOrEqual(t, got.idle-before.idle, most+2*tick)
	require.Empty(t, startWatch(read).Clock())
}

func TestPinnedStart(t *testing.T) {
	cpus := mustCPUs(t)
	p := Pinning{Lab: cpus[:1], Measured: cpus[len(cpus)-1:]}
	var got []int
	require.NoError(t, p.Start(func() (err error) {
		got, err = usableCPUs()
		return err
	}))
	require.Equal(t, p.Measured, got)
	require.Equal(t, cpus, mustCPUs(t), "no other thread is kept anywhere")

	impossible := Pinning{Lab: []int{0}, Measured: []int{1023}}
	err := impossible.Start(func() error { t.Error("started"); return nil })
	require.ErrorContains(t, err, "keeping a process on CPUs 1023: ")
}

func TestApply(t *testing.T) {
	cpus := mustCPUs(t)
	require.NoError(t, Pinning{Lab: cpus[:1]}.Apply())
	defer func() { require.NoError(t, keepProcess(cpus)) }()
	for range 4 { // on whatever threads there are
		kept := make(chan []int)
		go func() {
			runtime.LockOSThread()
			got, _ := usableCPUs()
			kept <- got
		}()
		require.Equal(t, cpus[:1], <-kept)
	}
	require.ErrorContains(t, Pinning{Lab: []int{1023}}.Apply(), "keeping the lab on CPU 1023: ")
}

func mustCPUs(t *testing.T) []int {
	t.Helper()
	cpus, err := usableCPUs()
	require.NoError(t, err)
	require.NotEmpty(t, cpus)
	return cpus
}
