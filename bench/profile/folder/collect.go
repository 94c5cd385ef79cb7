// SPDX-License-Identifier: MIT OR Apache-2.0

// Package folder keeps the profiles of a run in a folder: a folder for each
// benchmark, and in it one file for each process and kind,
//
//	ColdBoot.target=uml.kernel=lean/vmm.cpu.pprof
//
// which grows with each sample and notes how many samples it is of.
//
// What profiles itself during a sample leaves pieces in a folder that the Collector
// names: files PROCESS-ID.KIND.pprof, or PROCESS.KIND.pprof. The profile of the process
// that takes the samples, "launcher", the Collector takes itself.
package folder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	pprof "github.com/google/pprof/profile"

	"arcbox.dev/bench/profile"
)

// Launcher is the name of the process that takes the samples.
const Launcher = "launcher"

// Collector adds the profiles of samples to a folder. Its methods are called from one
// goroutine at a time.
type Collector struct {
	dir    string
	pieces string

	recording *profile.Recording // nil between samples
	before    profile.Set        // what the counting profiles had come to when it began
	restore   func()             // ends the noting of what they count
}

// NewCollector returns a collector that adds to the folder dir, which is made where
// it is not there. The caller closes it.
func NewCollector(dir string) (*Collector, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("keeping profiles: %w", err)
	}
	pieces, err := os.MkdirTemp("", "arcbox-profiles-*")
	if err != nil {
		return nil, fmt.Errorf("keeping profiles: %w", err)
	}
	return &Collector{dir: dir, pieces: pieces}, nil
}

// Pieces is the folder in which other processes leave their profiles of a sample.
func (c *Collector) Pieces() string { return c.pieces }

// Begin begins a sample. Pieces that were left before are no part of it.
func (c *Collector) Begin() error {
	if c.recording != nil {
		return errors.New("keeping profiles: a sample has begun already")
	}
	if err := c.sweep(); err != nil {
		return err
	}
	// The snapshot comes before the recording, so that its work is not recorded, and
	// after the noting, so that both snapshots estimate alike.
	restore := profile.Note()
	before, err := profile.Snapshot()
	var recording *profile.Recording
	if err == nil {
		recording, err = profile.Record()
	}
	if err != nil {
		restore()
		return err
	}
	c.recording, c.before, c.restore = recording, before, restore
	return nil
}

// End ends a sample of the benchmark and adds its profiles to the benchmark's folder.
// A piece that is no profile is an error; the others are added.
func (c *Collector) End(benchmark string) error {
	dir, err := FolderName(benchmark)
	if err != nil {
		return errors.Join(err, c.Discard())
	}
	own, err := c.stop()
	if err != nil {
		return err
	}
	sample, err := c.gather()
	for kind, p := range own {
		leaveOut(p)
		sample[profile.FileName(Launcher, kind)] = []*pprof.Profile{p}
	}
	return errors.Join(err, add(filepath.Join(c.dir, dir), sample), c.sweep())
}

// Discard ends a sample of which nothing is to be kept, where one has begun.
func (c *Collector) Discard() error {
	if c.recording == nil {
		return nil
	}
	_, err := c.stop()
	return errors.Join(err, c.sweep())
}

// Close ends what has begun, and removes the folder of the pieces.
func (c *Collector) Close() error {
	err := c.Discard()
	return errors.Join(err, os.RemoveAll(c.pieces))
}

// stop ends the recording and returns the launcher's profiles of the sample alone.
func (c *Collector) stop() (map[profile.Kind]*pprof.Profile, error) {
	if c.recording == nil {
		return nil, errors.New("keeping profiles: no sample has begun")
	}
	after, err := c.recording.Stop()
	c.recording = nil
	c.restore()
	if err != nil {
		return nil, err
	}
	own := map[profile.Kind]*pprof.Profile{}
	for kind, data := range after {
		if own[kind], err = since(c.before[kind], data); err != nil {
			return nil, fmt.Errorf("keeping the %s profile: %w", kind, err)
		}
	}
	return own, nil
}

// since is what was added to a profile that had come to before; nil is nothing.
func since(before, after []byte) (*pprof.Profile, error) {
	p, err := parse(after)
	if err != nil || before == nil {
		return p, err
	}
	base, err := parse(before)
	if err != nil {
		return nil, err
	}
	base.Scale(-1)
	return pprof.Merge([]*pprof.Profile{p, base})
}

// gather reads the pieces, by the name of the file that they belong to.
func (c *Collector) gather() (map[string][]*pprof.Profile, error) {
	pieces := map[string][]*pprof.Profile{}
	entries, err := os.ReadDir(c.pieces)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), profile.Extension) {
			continue
		}
		p, readErr := Read(filepath.Join(c.pieces, e.Name()))
		if readErr != nil {
			err = errors.Join(err, readErr)
			continue
		}
		leaveOut(p)
		pieces[fileOf(e.Name())] = append(pieces[fileOf(e.Name())], p)
	}
	return pieces, err
}

// profiling matches the functions that take profiles.
var profiling = regexp.MustCompile(`^(runtime/pprof|arcbox\.dev/bench/profile)\.`)

// leaveOut removes the cost of taking the profile from it.
func leaveOut(p *pprof.Profile) { p.FilterSamplesByName(nil, profiling, nil, nil) }

// fileOf drops the ID from the name of a piece.
func fileOf(piece string) string {
	process, kind, _ := strings.Cut(piece, ".")
	process, _, _ = strings.Cut(process, "-")
	return process + "." + kind
}

// sweep removes the pieces.
func (c *Collector) sweep() error {
	entries, err := os.ReadDir(c.pieces)
	if err != nil {
		return fmt.Errorf("clearing profiles away: %w", err)
	}
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(c.pieces, e.Name())))
	}
	return err
}
