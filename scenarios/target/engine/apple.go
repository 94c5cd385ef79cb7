// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package engine

import (
	"context"

	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/rootfs"
)

// Apple returns Apple's container, which gives each container a VM of its own, as a
// target that runs the lab's own program, a static one at the path tool. Command
// line: https://github.com/apple/container, docs/command-reference.md.
func Apple(tool string) *Target {
	return &Target{
		name: "apple-container", tool: tool,
		dialect: dialect{
			program: "container", remedy: "install it from https://github.com/apple/container/releases",
			ready: appleReady, global: func(string) []string { return nil }, version: []string{"--version"},
			archive: rootfs.Image,
			load:    func(archive, _ string) []string { return []string{"image", "load", "--input", archive} },
			run:     func() []string { return []string{"--progress", "none"} },
			remove:  []string{"delete", "--force"}, removeImage: []string{"image", "delete"},
		},
	}
}

// appleReady wants the services that the command talks to.
func appleReady(ctx context.Context, t *Target) error {
	if _, err := t.command("", "system", "status").Output(ctx); err != nil {
		return &target.MissingError{What: "the services of Apple's container do not run", Remedy: "run `container system start`"}
	}
	return nil
}
