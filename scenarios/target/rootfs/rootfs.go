// SPDX-License-Identifier: MIT OR Apache-2.0

// Package rootfs makes the root file system of the containers that the lab starts:
// the lab's own program, arcbox-probe, and a folder for temporary files. Nothing
// has to be downloaded for it.
package rootfs

import (
	"archive/tar"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"arcbox.dev/scenarios/target"
)

// Tool is the path of the lab's own program in the root file system.
const Tool = "/arcbox-probe"

// Wait is the first process of a container: it waits until it is told to end.
var Wait = []string{Tool, "wait"}

// temporary is the folder for temporary files.
const temporary = "tmp"

// CheckTool says whether the lab's own program is there.
func CheckTool(path string) error {
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0 {
		return &target.MissingError{What: fmt.Sprintf("the lab's own program is not at %q", path), Remedy: "run make build"}
	}
	return nil
}

// Make fills the folder, which it makes, with the root file system.
func Make(dir, tool string) error {
	if err := os.MkdirAll(filepath.Join(dir, temporary), 0o755); err != nil {
		return fmt.Errorf("making a root file system: %w", err)
	}
	// Both modes hold whatever the lab's umask is.
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Join(dir, temporary), 0o777|os.ModeSticky)); err != nil {
		return fmt.Errorf("making a root file system: %w", err)
	}
	from, err := os.Open(tool)
	if err != nil {
		return fmt.Errorf("making a root file system: %w", err)
	}
	defer from.Close()
	to, err := os.OpenFile(filepath.Join(dir, Tool), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return fmt.Errorf("making a root file system: %w", err)
	}
	_, err = io.Copy(to, from)
	if err := errors.Join(err, to.Chmod(0o755), to.Close()); err != nil {
		return fmt.Errorf("making a root file system: %w", err)
	}
	return nil
}

// Tar writes the root file system as a tar archive. Its bytes depend on the tool alone.
func Tar(w io.Writer, tool string) error {
	f, err := os.Open(tool)
	if err != nil {
		return fmt.Errorf("archiving a root file system: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return fmt.Errorf("archiving a root file system: %w", err)
	}
	t := tar.NewWriter(w)
	for _, h := range []*tar.Header{
		{Typeflag: tar.TypeDir, Name: temporary + "/", Mode: 0o1777},
		{Typeflag: tar.TypeReg, Name: Tool[1:], Mode: 0o755, Size: info.Size()},
	} {
		if err := t.WriteHeader(h); err != nil {
			return fmt.Errorf("archiving a root file system: %w", err)
		}
	}
	_, err = io.Copy(t, f)
	if err := errors.Join(err, t.Close()); err != nil {
		return fmt.Errorf("archiving a root file system: %w", err)
	}
	return nil
}
