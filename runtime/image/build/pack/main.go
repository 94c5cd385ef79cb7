// SPDX-License-Identifier: MIT OR Apache-2.0

// Command pack writes the images that this repository brings along, as OCI archives:
//
//	pack hello OUT PROGRAM       the bundled image around the given program
//	pack busybox OUT [PROGRAM]   the image for tests, of /bin/busybox where not said
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"arcbox.dev/runtime/image/build"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pack:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 3 && args[0] == "hello":
		program, err := os.ReadFile(args[2])
		if err != nil {
			return err
		}
		image, err := build.Hello(program)
		if err != nil {
			return fmt.Errorf("%s: %w", args[2], err)
		}
		return write(args[1], image)
	case len(args) == 2 && args[0] == "busybox":
		return busybox(args[1], "/bin/busybox")
	case len(args) == 3 && args[0] == "busybox":
		return busybox(args[1], args[2])
	}
	return errors.New("usage: pack hello OUT PROGRAM | pack busybox OUT [PROGRAM]")
}

func busybox(out, path string) error {
	program, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("%w (install busybox-static)", err)
	}
	applets, err := exec.Command(path, "--list-full").Output()
	if err != nil {
		return fmt.Errorf("listing applets of %s: %w", path, err)
	}
	image, err := build.Busybox(program, strings.Fields(string(applets)))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return write(out, image)
}

// write puts the archive in its place when it is complete.
func write(path string, image build.Image) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	err = errors.Join(build.OCIArchive(f, image), f.Chmod(0o644), f.Close())
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return os.Rename(f.Name(), path)
}
