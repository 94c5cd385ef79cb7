// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package revision

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// git runs git on a repository and returns what it printed. It takes no locks, so
// that it does not get into the way of what the user does there.
func git(ctx context.Context, repo string, args ...string) (string, error) {
	return output(command(ctx, "", nil, "git", append([]string{"--no-optional-locks", "-C", repo}, args...)...))
}

// command prepares a program that ends with ctx.
func command(ctx context.Context, dir string, env []string, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	// A program that it started may hold its output open.
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// output runs a program to its end and returns what it printed, without white
// space around it. What it complained of is in the error.
func output(cmd *exec.Cmd) (string, error) {
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return "", explain(cmd, err, stderr.String())
	}
	return strings.TrimSpace(stdout.String()), nil
}

// explain says why a program failed, in its own words where it had some.
func explain(cmd *exec.Cmd, err error, complaint string) error {
	name := filepath.Base(cmd.Args[0])
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("%s is not installed", name)
	}
	const lines = 10 // enough for a compiler's first errors
	said := strings.Split(strings.TrimSpace(complaint), "\n")
	if complaint = strings.Join(said[:min(lines, len(said))], "\n"); complaint != "" {
		return fmt.Errorf("%s: %w: %s", name, err, complaint)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// takeOut writes a commit's files into dir, which is empty, as git archives them:
// the repository's index and work tree are not involved.
func takeOut(ctx context.Context, r Revision, dir string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	archive := command(ctx, "", nil, "git", "--no-optional-locks", "-C", r.Repo, "archive", "--format=tar", r.Commit)
	unpack := command(ctx, "", nil, "tar", "-x", "-C", dir)
	var complaints, unpackComplaints bytes.Buffer
	archive.Stderr, unpack.Stderr = &complaints, &unpackComplaints
	pipe, err := archive.StdoutPipe()
	if err != nil {
		return fmt.Errorf("taking out %v: %w", r, err)
	}
	unpack.Stdin = pipe
	if err := archive.Start(); err != nil {
		return fmt.Errorf("taking out %v: %w", r, explain(archive, err, ""))
	}
	unpacking := unpack.Run()
	// tar may end before the last block; git must not wait for a reader for ever.
	_, _ = io.Copy(io.Discard, pipe)
	if err := archive.Wait(); err != nil {
		return fmt.Errorf("taking out %v: %w", r, explain(archive, err, complaints.String()))
	}
	if unpacking != nil {
		return fmt.Errorf("taking out %v: %w", r, explain(unpack, unpacking, unpackComplaints.String()))
	}
	return nil
}
