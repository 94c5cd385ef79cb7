// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/build"
)

// bulky is an image that takes a while to load.
func bulky(name string) build.Image {
	image := sample(name, 1)
	for n := range 6 {
		noise := make([]byte, 2<<20)
		rand.NewChaCha8([32]byte{byte(n)}).Read(noise)
		image.Layers = append(image.Layers, new(build.Layer).File(fmt.Sprintf("noise%d", n), 0o644, noise))
	}
	return image
}

// Ten processes load the same image at once.
func TestProcessesAtOnce(t *testing.T) {
	s := newStore(t)
	path := write(t, bulky("one"))
	var wg sync.WaitGroup
	images := make([]Image, 10)
	for n := range images {
		wg.Go(func() {
			cmd := process("load", s.dir, path)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			if err := cmd.Run(); err != nil {
				t.Errorf("process %d: %v: %s", n, err, &errs)
				return
			}
			if err := json.Unmarshal(out.Bytes(), &images[n]); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want, err := s.Resolve(context.Background(), "one")
	require.NoError(t, err)
	for _, i := range images {
		require.Equal(t, want, i)
	}
	openStore(t, s.dir)
	requireClean(t, s)
}

// A process that is killed in the middle of loading leaves the old state or the new,
// and nothing that the next one does not clean up.
func TestKilled(t *testing.T) {
	s := newStore(t)
	path := write(t, bulky("one"))
	start := time.Now()
	output(t, process("load", newStore(t).dir, path))
	whole := time.Since(start)
	old := load(t, s, write(t, sample("old", 7)))
	finished := 0
	for n := range 20 {
		cmd := process("load", s.dir, path)
		require.NoError(t, cmd.Start())
		time.Sleep(whole * time.Duration(n) / 18)
		require.NoError(t, cmd.Process.Kill())
		var killed *exec.ExitError
		if err := cmd.Wait(); !errors.As(err, &killed) {
			finished++
		}
		_, err := s.Resolve(context.Background(), "one")
		if err != nil {
			requireClass(t, err, errdefs.ErrNotFound)
		}
		got, err := s.Resolve(context.Background(), "old")
		require.NoError(t, err)
		require.Equal(t, old, got)
		if n%3 == 0 {
			if err == nil {
				openStore(t, s.dir)
				requireClean(t, s)
			}
			_ = s.Remove(context.Background(), "one") // to begin anew
		}
	}
	t.Logf("%d of 20 were done before they were killed", finished)
	load(t, s, path)
	requireClean(t, s)
}

// Whatever goroutines and stores do at once, images that are there can be used.
func TestAllAtOnce(t *testing.T) {
	dir := newStore(t).dir
	var paths []string
	for n := range 3 {
		paths = append(paths, write(t, sample(fmt.Sprintf("image%d", n), n)))
	}
	keep := load(t, openStore(t, dir), write(t, sample("keep", 9)))
	ctx := context.Background()
	var wg sync.WaitGroup
	for g := range 6 {
		wg.Go(func() {
			s, err := Open(dir, quiet)
			if err != nil {
				t.Error(err)
				return
			}
			r := rand.New(rand.NewPCG(uint64(g), 1))
			for range 15 {
				n := r.IntN(len(paths))
				switch r.IntN(4) {
				case 0:
					_, err = s.Load(ctx, paths[n], "")
				case 1:
					_, err = s.Resolve(ctx, paths[n])
				case 2:
					if err = s.Remove(ctx, fmt.Sprintf("image%d", n)); errors.Is(err, errdefs.ErrNotFound) {
						err = nil
					}
				case 3:
					_, err = s.List(ctx)
				}
				if err != nil {
					t.Error(err)
				}
				if got, err := s.Resolve(ctx, "keep"); err != nil || got.ID != keep.ID {
					t.Errorf("keep: got %v, %v", got.ID, err)
				}
			}
		})
	}
	wg.Wait()
	s := openStore(t, dir)
	s.sweep(ctx)
	requireClean(t, s)
}
