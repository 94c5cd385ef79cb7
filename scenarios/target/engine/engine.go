// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package engine makes container engines rivals for the lab, through their command
// lines: podman(1), docker(1) and container(1), which Apple publishes.
//
// A container is made of an image that holds the lab's own program alone, from an
// archive that the lab writes: nothing is downloaded. It has no network, which would
// leave bridges and firewall rules behind. Names of images and containers begin with
// that of the target's private folder, so that none of the user's is touched.
package engine

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/program"
	"arcbox.dev/scenarios/target/rootfs"
	"arcbox.dev/scenarios/target/workspace"
)

// Target is a container engine as a target.
type Target struct {
	name    string
	dialect dialect
	tool    string
	program string // path of the engine's command, from Check on
	version string
	labels  []record.Label
	folder  *workspace.Folder // from Prepare to Clean
	started int               // instances so far
}

// dialect is in what the command lines of engines differ.
type dialect struct {
	program, remedy string
	// ready says why the engine cannot run containers now.
	ready func(ctx context.Context, t *Target) error
	// settle makes what the engine needs in the private folder; it may be nil.
	settle func(folder string) error
	// global are the options before every command, and env what is in its environment.
	global func(folder string) []string
	env    func(folder string) []string
	// version prints one line.
	version []string
	// archive writes the archive that load gives to the engine as an image.
	archive func(w io.Writer, tool, image string) error
	load    func(archive, image string) []string
	// run are further options of run, remove the command that ends and removes a container.
	run    func() []string
	remove []string
	// removeImage removes an image.
	removeImage []string
	// sweep ends and removes what the engine leaves beside containers and images; it
	// may be nil.
	sweep func(t *Target, folder string) error
}

var _ target.Starter = (*Target)(nil)

// Name is how the lab names the engine.
func (t *Target) Name() string { return t.name }

// Check looks for the engine, and asks whether it can run containers.
func (t *Target) Check(ctx context.Context) (err error) {
	if t.program, err = program.Find(t.dialect.program, t.dialect.remedy); err != nil {
		return err
	}
	if err := t.dialect.ready(ctx, t); err != nil {
		return err
	}
	return rootfs.CheckTool(t.tool)
}

const (
	// limit is how long a command of the engine may take that must not be broken off,
	// since it would leave half a container.
	limit = 60 * time.Second
	// trialLimit is how long the first container may take from its start to its end.
	trialLimit = 2 * time.Minute
)

// Labels tells the engine and what distinguishes it.
func (t *Target) Labels() []record.Label {
	return append([]record.Label{{Key: "target", Value: t.name}}, t.labels...)
}

// Version is the engine's own.
func (t *Target) Version() string { return t.version }

// command makes a command of the engine.
func (t *Target) command(folder string, args ...string) program.Command {
	c := program.Command{Path: t.program, Args: append(t.dialect.global(folder), args...)}
	if t.dialect.env != nil {
		c.Env = t.dialect.env(folder)
	}
	return c
}

// must runs a command that is to end with status 0 and must not be broken off.
func (t *Target) must(ctx context.Context, folder string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	return t.command(folder, args...).Output(ctx)
}

// gone runs a command that removes something, which may be gone already.
func (t *Target) gone(folder string, args ...string) error {
	_, err := t.must(context.Background(), folder, args...)
	if err != nil {
		// No engine has a status for it, but all have these words.
		text := strings.ToLower(err.Error())
		if strings.Contains(text, "no such") || strings.Contains(text, "not found") || strings.Contains(text, "not known") {
			return nil
		}
	}
	return err
}

// Start starts a container, and returns when its first process runs.
func (t *Target) Start(ctx context.Context) (target.Instance, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	t.started++
	folder := t.folder.Path()
	c := &container{target: t, folder: folder, name: fmt.Sprintf("%s-%d", filepath.Base(folder), t.started)}
	if err := os.Mkdir(c.entry(), 0o700); err != nil {
		return nil, fmt.Errorf("starting a container of %s: %w", t.name, err)
	}
	args := append([]string{"run", "--detach", "--name", c.name}, t.dialect.run()...)
	args = append(args, image(folder))
	out, err := t.must(ctx, folder, append(args, rootfs.Wait...)...)
	if err == nil {
		c.id, err = containerID(out)
	}
	if err == nil && ctx.Err() != nil { // while it started
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// anID is what engines call a container: 64 hexadecimal digits, or with Apple's its
// name. Both are too long to be met among a process's arguments by chance.
var anID = regexp.MustCompile(`^[a-zA-Z0-9_.-]{12,64}$`)

// containerID reads what run printed: the ID is its last line.
func containerID(out string) (string, error) {
	last := out[strings.LastIndexByte(out, '\n')+1:]
	if !anID.MatchString(last) {
		return "", fmt.Errorf("the engine gave %q for the container's ID", last)
	}
	return last, nil
}
