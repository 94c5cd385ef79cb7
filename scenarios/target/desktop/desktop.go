// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package desktop makes the products with which people run Linux containers on macOS
// rivals for the lab, each through its documented command line. It changes none of
// their settings, and measures only what runs already.
package desktop

import (
	"context"
	"fmt"
	"runtime"

	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/engine"
	"arcbox.dev/scenarios/target/program"
	"arcbox.dev/scenarios/target/tool"
)

// macOS is runtime.GOOS there.
const macOS = "darwin"

// Target is a product that runs containers.
type Target struct {
	*engine.Target
	program, remedy string   // the product's own command
	about           []string // arguments with which it prints its version
	version         string
	goos            string
}

var _ target.Starter = (*Target)(nil)

// The products that run containers of the lab's own program, a static one for Linux
// at the path probe. All but Apple's offer a Docker engine under a context of docker.

// OrbStack returns OrbStack (https://docs.orbstack.dev).
func OrbStack(probe string) *Target {
	return &Target{
		Target: engine.DockerContext("orbstack", "orbstack", probe), goos: runtime.GOOS,
		program: "orbctl", remedy: "install OrbStack from https://orbstack.dev and start it", about: []string{"version"},
	}
}

// DockerDesktop returns Docker Desktop (https://docs.docker.com/desktop).
func DockerDesktop(probe string) *Target {
	return &Target{
		Target: engine.DockerContext("docker-desktop", "desktop-linux", probe), goos: runtime.GOOS,
		program: "docker", remedy: "install Docker Desktop from https://docs.docker.com/desktop and start it", about: []string{"--version"},
	}
}

// Colima returns Colima's default VM (https://github.com/abiosoft/colima).
func Colima(probe string) *Target {
	return &Target{
		Target: engine.DockerContext("colima", "colima", probe), goos: runtime.GOOS,
		program: "colima", remedy: "run `brew install colima docker` and `colima start`", about: []string{"version"},
	}
}

// AppleContainer returns Apple's container (https://github.com/apple/container).
func AppleContainer(probe string) *Target {
	return &Target{
		Target: engine.Apple(probe), goos: runtime.GOOS,
		program: "container", remedy: "install it from https://github.com/apple/container/releases", about: []string{"--version"},
	}
}

// Lima returns Lima (https://lima-vm.io). It is only named with its version: its VMs
// come from images of distributions, which would have to be downloaded.
func Lima() *tool.Target {
	return tool.New(tool.Spec{
		Name: "lima", Programs: []string{"limactl"}, Version: []string{"--version"}, OS: macOS, Remedy: "run `brew install lima`",
	})
}

// Check looks for the product, and asks whether it can run containers.
func (t *Target) Check(ctx context.Context) error {
	if t.goos != macOS {
		return &target.MissingError{What: t.Name() + " runs on macOS only"}
	}
	path, err := program.Find(t.program, t.remedy)
	if err != nil {
		return err
	}
	version, err := program.Command{Path: path, Args: t.about}.Version(ctx)
	if err != nil {
		return fmt.Errorf("asking %s for its version: %w", t.Name(), err)
	}
	t.version = version
	return t.Target.Check(ctx)
}

// Version is the product's own and that of its engine.
func (t *Target) Version() string { return t.version + "; " + t.Target.Version() }
