// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package revision

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Build is a folder with the programs of a revision.
type Build struct {
	Dir      string
	Revision Revision
}

// Program returns the path of one of the programs. A revision may lack it.
func (b Build) Program(name string) (string, error) {
	path := filepath.Join(b.Dir, name)
	if _, err := os.Stat(path); err != nil {
		return "", fmt.Errorf("revision %v has no program %s", b.Revision, name)
	}
	return path, nil
}

// The flags that every build has: those of make build, without the stamps, in which
// two revisions would differ.
var (
	buildFlags = []string{"-trimpath", "-buildvcs=false", "-ldflags", "-s -w"}
	buildEnv   = []string{"CGO_ENABLED=0", "GOWORK="} // the tree's own workspace, whatever the user works in
)

// Folder names, all as long as a commit's short name.
const (
	treeFolder    = "working-tree"
	variantFormat = "variant-%04d"
)

// Build builds a revision. A commit that was built before, by the same toolchain,
// is not built again; the working tree always is.
func (c *Cache) Build(ctx context.Context, r Revision) (Build, error) {
	if r.Tree {
		return c.build(ctx, r, treeFolder, nil)
	}
	name := r.String()
	recipe, err := recipe(ctx, r)
	if err != nil {
		return Build{}, err
	}
	if c.kept(name, recipe) {
		return Build{Dir: c.folder(name), Revision: r}, nil
	}
	b, err := c.build(ctx, r, name, nil)
	if err != nil {
		return Build{}, err
	}
	return b, c.keep(name, recipe)
}

// Variant builds a revision anew, into a folder of its own by number, with the
// statement planted unless that is nil.
func (c *Cache) Variant(ctx context.Context, r Revision, number int, plant *Plant) (Build, error) {
	return c.build(ctx, r, fmt.Sprintf(variantFormat, number), plant)
}

// recipe names all that a build depends on besides the code.
func recipe(ctx context.Context, r Revision) (string, error) {
	tools, err := output(command(ctx, r.Repo, buildEnv, "go", "env", "GOVERSION", "GOFLAGS", "GOOS", "GOARCH", "GOAMD64", "GOARM64", "GOEXPERIMENT"))
	if err != nil {
		return "", fmt.Errorf("building %v: %w", r, err)
	}
	return strings.Join(append(strings.Fields(tools), buildFlags...), " ") + "\n", nil
}

// build builds a revision into the folder of that name.
func (c *Cache) build(ctx context.Context, r Revision, name string, plant *Plant) (b Build, err error) {
	temp, err := os.MkdirTemp(c.dir, tempPattern)
	if err != nil {
		return Build{}, fmt.Errorf("building %v: %w", r, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(temp)) }()
	source := r.Repo
	if !r.Tree {
		source = filepath.Join(temp, "source")
		if err := os.Mkdir(source, 0o700); err != nil {
			return Build{}, fmt.Errorf("building %v: %w", r, err)
		}
		if err := takeOut(ctx, r, source); err != nil {
			return Build{}, err
		}
	}
	flags := buildFlags
	if plant != nil {
		overlay, err := plant.overlay(ctx, source, temp)
		if err != nil {
			return Build{}, err
		}
		flags = append([]string{"-overlay", overlay}, flags...)
	}
	into := c.folder(name)
	if err := errors.Join(os.RemoveAll(into), os.Mkdir(into, 0o755)); err != nil {
		return Build{}, fmt.Errorf("building %v: %w", r, err)
	}
	args := append(append([]string{"build", "-o", into + "/"}, flags...), "./cmd/...")
	if _, err := output(command(ctx, source, buildEnv, "go", args...)); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return Build{}, fmt.Errorf("building %v: %w", r, err)
	}
	return Build{Dir: into, Revision: r}, c.settle(ctx)
}

// settle waits until the programs are so old that a file system's clock, which ticks
// coarsely, can tell them from later ones: until then what is made of them is not
// taken from a cache.
func (c *Cache) settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(c.settling):
		return nil
	}
}
