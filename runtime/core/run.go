// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package core

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/events"
	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/image"
)

// RunConfig says which container to run in a VM of its own.
type RunConfig struct {
	Boot  BootConfig
	Image string // a name in the store, or the path of a layout folder or archive

	Args       []string // in place of the image's command
	Entrypoint []string // in place of the image's entry point; nil keeps it
	Env        []string // NAME=value, over the image's
	Dir        string   // in place of the image's working directory
	User       string   // in place of the image's user
	Hostname   string
	ReadOnly   bool // the root file system cannot be written to

	// Terminal gives the process a terminal of that size; Stdin and Stdout are its ends.
	Terminal       *client.Size
	Stdin          io.Reader
	Stdout, Stderr io.Writer
}

// Sandbox is a running container in a VM of its own.
type Sandbox struct {
	*VM
	Image   image.Image
	process *client.Process
}

// Run boots a VM and starts the container in it. The caller closes the sandbox.
func (r *Runtime) Run(ctx context.Context, cfg RunConfig) (*Sandbox, error) {
	img, err := r.resolve(ctx, cfg.Image)
	if err != nil {
		return nil, err
	}
	exec, err := execConfig(img, cfg)
	if err != nil {
		return nil, err
	}
	if len(img.Layers) > 0 {
		disk := hypervisor.Disk{ID: "layers", ReadOnly: true}
		for i, l := range img.Layers {
			disk.Partitions = append(disk.Partitions, l.Path)
			exec.Container.Layers = append(exec.Container.Layers, client.Layer{Source: fmt.Sprintf("/dev/vda%d", i+1)})
		}
		cfg.Boot.Disks = append([]hypervisor.Disk{disk}, cfg.Boot.Disks...)
	}
	vm, err := r.Boot(ctx, cfg.Boot)
	if err != nil {
		return nil, err
	}
	exec.Container.ID = vm.ID()
	s := &Sandbox{VM: vm, Image: img}
	if s.process, err = vm.Agent.Start(ctx, exec); err != nil {
		err = s.explain(ctx, err)
		vm.Close()
		return nil, err
	}
	return s, nil
}

// execConfig merges what the user asked for with what the image says (OCI Image
// Specification 1.1, config; the precedence is docker run's).
func execConfig(img image.Image, cfg RunConfig) (client.ExecConfig, error) {
	entrypoint, args := img.Config.Entrypoint, img.Config.Cmd
	if cfg.Entrypoint != nil {
		entrypoint, args = cfg.Entrypoint, nil // a new entry point drops the image's command
	}
	if len(cfg.Args) > 0 {
		args = cfg.Args
	}
	command := slices.Concat(entrypoint, args)
	if len(command) == 0 {
		return client.ExecConfig{}, errdefs.New(errdefs.ErrInvalid, "give one after the image", "image %s has no command", img.Name)
	}
	user, dir := img.Config.User, img.Config.WorkingDir
	if cfg.User != "" {
		user = cfg.User
	}
	if cfg.Dir != "" {
		dir = cfg.Dir
	}
	return client.ExecConfig{
		Args: command, Env: mergeEnv(img.Config.Env, cfg.Env), Dir: dir, User: user,
		Terminal: cfg.Terminal, Stdin: cfg.Stdin, Stdout: cfg.Stdout, Stderr: cfg.Stderr,
		Container: &client.Container{Hostname: cfg.Hostname, ReadOnly: cfg.ReadOnly},
	}, nil
}

// mergeEnv returns base with the variables of over set or replaced.
func mergeEnv(base, over []string) []string {
	out := slices.Clone(base)
	for _, v := range over {
		name, _, _ := strings.Cut(v, "=")
		i := slices.IndexFunc(out, func(have string) bool {
			n, _, _ := strings.Cut(have, "=")
			return n == name
		})
		if i >= 0 {
			out[i] = v
		} else {
			out = append(out, v)
		}
	}
	return out
}

// Wait waits for the container's end and returns its status, after all its output
// was written.
func (s *Sandbox) Wait(ctx context.Context) (client.Status, error) {
	status, err := s.process.Wait(ctx)
	if err != nil {
		return status, s.explain(ctx, err)
	}
	s.mark(events.ContainerExit, events.Now())
	return status, nil
}

// Signal sends a signal to the container's first process.
func (s *Sandbox) Signal(ctx context.Context, signal int) error { return s.process.Signal(ctx, signal) }

// Resize sets the size of the container's terminal.
func (s *Sandbox) Resize(ctx context.Context, columns, rows uint16) error {
	return s.process.Resize(ctx, columns, rows)
}

// explain says that the guest ended, where that is why its agent is gone.
func (s *Sandbox) explain(ctx context.Context, err error) error {
	if !errors.Is(err, client.ErrGone) || ctx.Err() != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, exitGrace)
	defer cancel()
	if exit, waitErr := s.VM.Wait(wait); waitErr == nil {
		return exitError("the VM ended under its container", exit)
	}
	return err
}

// exitGrace is how long after the loss of the agent the VM's own end may take to show.
const exitGrace = 2 * time.Second
