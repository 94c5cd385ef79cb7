// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"arcbox.dev/bench/profile"
	"arcbox.dev/runtime/vmproc"
)

// startProfile has this process profile itself where the launcher wants that. stop
// writes the profiles, into files that are opened here: later the process may be
// locked in. The kernel process of a driver that has one, which is locked in, is not
// profiled: it is no Go program. No guest has a way to the settings.
func startProfile(s vmproc.Settings) (stop func() error, err error) {
	if s.Profile == "" {
		return func() error { return nil }, nil
	}
	files, err := createProfiles(s.Profile, "vmm-"+s.Config.ID)
	if err != nil {
		return nil, fmt.Errorf("profiling: %w", err)
	}
	recording, err := profile.Record()
	if err != nil {
		return nil, err
	}
	return sync.OnceValue(func() error {
		set, err := recording.Stop()
		for kind, f := range files {
			_, writeErr := f.Write(set[kind])
			err = errors.Join(err, writeErr, f.Close())
		}
		return err
	}), nil
}

// createProfiles makes the folder, where it is not there, and an empty file for each profile.
func createProfiles(dir, process string) (map[profile.Kind]*os.File, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	files := map[profile.Kind]*os.File{}
	for _, kind := range profile.Kinds {
		f, err := os.Create(filepath.Join(dir, profile.FileName(process, kind)))
		if err != nil {
			return nil, err // this process ends now
		}
		files[kind] = f
	}
	return files, nil
}
