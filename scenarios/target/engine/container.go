// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package engine

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/scenarios/target/program"
	"arcbox.dev/scenarios/target/rootfs"
)

// container is a container as an instance.
type container struct {
	target  *Target
	folder  string // the target's private one
	name    string
	id      string // as the engine has it
	stopped bool
}

// entry is the folder that says that the container may exist.
func (c *container) entry() string { return filepath.Join(c.folder, instancesName, c.name) }

// Tool is in the root of the container.
func (c *container) Tool() string { return rootfs.Tool }

// The exit statuses by which engines say that not the process failed but they did,
// or could not start it (podman-exec(1), docker container exec).
const (
	engineFailed = 125
	notFound     = 127
)

// Exec runs a process in the container. The engine's status is the process's own:
// 128 and its number if a signal ended it.
func (c *container) Exec(ctx context.Context, args ...string) (client.Status, error) {
	command := c.target.command(c.folder, append([]string{"exec", c.name}, args...)...)
	result, err := command.Run(ctx)
	if err != nil {
		return client.Status{}, err
	}
	code := result.Status.Code
	if result.Status.Signal != 0 || code >= engineFailed && code <= notFound || code != 0 && strings.HasPrefix(result.Words, "Error") {
		return client.Status{}, fmt.Errorf("running %s: %s", command, result)
	}
	return program.Unshell(result.Status), nil
}

// Processes are those in the container and the monitor that the engine keeps for it.
// A daemon that all containers share is not among them.
func (c *container) Processes(context.Context) ([]hypervisor.Process, error) {
	return processes(c.id)
}

// stopSeconds is how long the first process may take to end before it is killed.
const stopSeconds = "10"

// Stop has the first process end, and with it all others, and removes the container.
func (c *container) Stop(ctx context.Context) error {
	for _, args := range [][]string{{"stop", "-t", stopSeconds, c.name}, {"rm", c.name}} {
		if _, err := c.target.must(ctx, c.folder, args...); err != nil {
			return err
		}
	}
	c.stopped = true
	if err := waitGone(ctx, c.id); err != nil {
		return fmt.Errorf("waiting for the end of the engine's processes: %w", err)
	}
	return nil
}

// Close removes the container, if it was not stopped, by force.
func (c *container) Close() error {
	if !c.stopped {
		if err := c.target.gone(c.folder, append(c.target.dialect.remove, c.name)...); err != nil {
			return err
		}
		c.stopped = true
	}
	return os.RemoveAll(c.entry())
}
