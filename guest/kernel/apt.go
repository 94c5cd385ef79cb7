// SPDX-License-Identifier: MIT OR Apache-2.0

package kernel

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// cloudPackages are the packages that depend on a distribution's present kernel
// for virtual machines: Debian's, and Ubuntu's.
var cloudPackages = []string{"linux-image-cloud-" + runtime.GOARCH, "linux-image-virtual"}

// kernelPackage is what a package with a kernel or its modules is called.
var kernelPackage = regexp.MustCompile(`^linux-(image|modules)-(unsigned-)?\d`)

// resolvePackages returns the names of the packages with the present cloud kernel
// and its modules.
func resolvePackages(ctx context.Context) ([]string, error) {
	if _, err := exec.LookPath("apt-get"); err != nil {
		return nil, fail(ErrNotFound, "set ARCBOX_KERNEL_MANIFEST to a manifest that lists one",
			"no cloud kernel is at hand, and this system has no apt-get to fetch one")
	}
	for _, meta := range cloudPackages {
		out, err := command(ctx, "", "apt-cache", "depends", "--no-recommends", "--no-suggests", meta)
		if err != nil {
			continue // not a package of this distribution
		}
		if names := parseDepends(out); len(names) > 0 {
			return names, nil
		}
	}
	return nil, fail(ErrNotFound, "run `sudo apt-get update`", "no package of this system holds a cloud kernel (looked for %s)",
		strings.Join(cloudPackages, ", "))
}

// parseDepends reads what apt-cache says, one "  Depends: name" a line.
func parseDepends(out []byte) []string {
	var names []string
	for line := range strings.Lines(string(out)) {
		name, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: ")
		if ok && kernelPackage.MatchString(name) {
			names = append(names, name)
		}
	}
	return names
}

// command runs a command in the folder, with messages in English, and returns all
// that it says.
func command(ctx context.Context, dir, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.WaitDelay = 5 * time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return out, err
}

func lastLine(out []byte) string {
	out = bytes.TrimSpace(out)
	return string(out[bytes.LastIndexByte(out, '\n')+1:])
}
