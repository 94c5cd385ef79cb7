// SPDX-License-Identifier: MIT OR Apache-2.0

package diff_test

import (
	"crypto/sha256"
	"path/filepath"
	"sync"
	"testing"
	"time"

	pprof "github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/profile"
	"arcbox.dev/bench/profile/diff"
	"arcbox.dev/bench/profile/folder"
)

// TestDiffNamesWhatWasPlanted profiles this program twice, once with a busy loop, an
// allocation and a wait more.
func TestDiffNamesWhatWasPlanted(t *testing.T) {
	dir := t.TempDir()
	c, err := folder.NewCollector(dir)
	require.NoError(t, err)
	defer c.Close()
	take := func(name string, planted bool) {
		require.NoError(t, c.Begin())
		work()
		if planted {
			plantedLoop()
			plantedAllocation()
			plantedWait()
		}
		require.NoError(t, c.End(name))
	}
	take("before", false)
	take("after", true)

	for kind, want := range map[profile.Kind]struct{ sampleType, function string }{
		profile.CPU:    {"cpu", "plantedLoop"},
		profile.Allocs: {"alloc_space", "plantedAllocation"},
		profile.Block:  {"delay", "plantedWait"},
		profile.Mutex:  {"delay", "plantedWait.func1"}, // who let the other one wait
	} {
		var sides [2][]*pprof.Profile
		for i, name := range []string{"before", "after"} {
			p, err := folder.Read(filepath.Join(dir, name, profile.FileName(folder.Launcher, kind)))
			require.NoError(t, err)
			sides[i] = append(sides[i], p)
		}
		differences, err := diff.Diff(sides[0], sides[1])
		require.NoError(t, err)
		found := false
		for _, d := range differences {
			if d.Type != want.sampleType {
				continue
			}
			found = true
			require.NotEmpty(t, d.Changes, kind)
			first := d.Changes[0]
			require.Equal(t, "arcbox.dev/bench/profile/diff_test."+want.function, first.Function, kind)
			require.False(t, first.Chance, kind)
			require.Greater(t, first.Share, 0.5, kind)
		}
		require.True(t, found, kind)
	}
}

var sink any

//go:noinline
func work() {
	data := make([]byte, 1<<20)
	for range 20 {
		sum := sha256.Sum256(data)
		data[0] = sum[0]
	}
	sink = data
}

//go:noinline
func plantedLoop() {
	x := uint64(1)
	for i := range uint64(600_000_000) {
		x = x*6364136223846793005 + i
	}
	sink = x
}

//go:noinline
func plantedAllocation() {
	for range 64 {
		sink = make([]byte, 1<<20)
	}
}

// plantedWait waits often enough not to be taken for chance.
//
//go:noinline
func plantedWait() {
	for range 16 {
		var mu sync.Mutex
		mu.Lock()
		started := make(chan bool)
		go func() {
			<-started
			time.Sleep(4 * time.Millisecond)
			mu.Unlock()
		}()
		started <- true
		mu.Lock()
	}
}
