// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package tool makes single programs targets of the lab: helpers of other systems,
// such as passt, which ArcBox has parts of its own for. A scenario that measures one
// asks for its path and starts it itself.
package tool

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/program"
)

// Spec describes a program.
type Spec struct {
	Name     string   // of the target
	Programs []string // by name or by path: the first that is there is taken
	Version  []string // arguments with which it prints its version
	OS       string   // the only system on which it is measured, as runtime.GOOS
	Remedy   string
}

// Network and file system helpers of other VM and container tools.
var (
	Passt = Spec{
		Name: "passt", Programs: []string{"passt"}, Version: []string{"--version"},
		OS: "linux", Remedy: "install the package passt",
	}
	Slirp4netns = Spec{
		Name: "slirp4netns", Programs: []string{"slirp4netns"}, Version: []string{"--version"},
		OS: "linux", Remedy: "install the package slirp4netns",
	}
	// Virtiofsd lies where no PATH leads: distributions take one of these folders.
	Virtiofsd = Spec{
		Name: "virtiofsd", Programs: []string{"virtiofsd", "/usr/libexec/virtiofsd", "/usr/lib/virtiofsd", "/usr/lib/qemu/virtiofsd"},
		Version: []string{"--version"}, OS: "linux", Remedy: "install the package virtiofsd, or qemu-system-common before Debian 13",
	}
)

// Target is a program as a target.
type Target struct {
	spec    Spec
	goos    string
	path    string // from Check on
	version string // from Prepare on
}

// New returns the target. It touches nothing yet.
func New(spec Spec) *Target { return &Target{spec: spec, goos: runtime.GOOS} }

var _ target.Target = (*Target)(nil)

// Name is the spec's.
func (t *Target) Name() string { return t.spec.Name }

// Path is where the program is. It is known after Check.
func (t *Target) Path() string { return t.path }

// Check looks for the program.
func (t *Target) Check(context.Context) error {
	if t.goos != t.spec.OS {
		return &target.MissingError{What: fmt.Sprintf("%s is measured on %s only", t.spec.Name, t.spec.OS)}
	}
	for _, name := range t.spec.Programs {
		if path, err := exec.LookPath(name); err == nil {
			t.path = path
			return nil
		}
	}
	return &target.MissingError{What: t.spec.Programs[0] + " is not installed", Remedy: t.spec.Remedy}
}

// Prepare asks the program for its version.
func (t *Target) Prepare(ctx context.Context) error {
	version, err := program.Command{Path: t.path, Args: t.spec.Version}.Version(ctx)
	if err != nil {
		return err
	}
	digest, err := digest(t.path)
	if err != nil {
		return err
	}
	t.version = fmt.Sprintf("%s, sha256 %s", program.Printable(version), digest)
	return nil
}

// digest identifies a program whose own version does not.
func digest(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("reading a program: %w", err)
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", fmt.Errorf("reading a program: %w", err)
	}
	return fmt.Sprintf("%x", sum.Sum(nil)), nil
}

// Labels tells the target alone.
func (t *Target) Labels() []record.Label {
	return []record.Label{{Key: "target", Value: t.spec.Name}}
}

// Version is the program's own, with its digest.
func (t *Target) Version() string { return t.version }

// Clean has nothing to do.
func (t *Target) Clean() error { return nil }
