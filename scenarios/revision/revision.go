// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package revision builds states of the repository's code, so that two of them can
// be measured in one run.
//
// Builds that are compared differ in nothing but their code: they have the same
// flags and the same toolchain, carry no stamp, and lie in folders whose paths are
// equally long, as the length of a path is in the environment of each process and
// moves its stack. A build can have a statement planted in it, to find out what the
// lab would notice: see Plant. Neither needs anything in the code itself, and
// neither leaves a trace in the user's repository.
package revision

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Revision is a state of the code: a commit, or the working tree.
type Revision struct {
	Repo   string // the repository's top folder
	Commit string // its full name; for the working tree, of the commit it starts from
	Tree   bool   // the working tree, with all that is not committed
	Dirty  bool   // the tree differs from its commit
}

// ErrUnknown: a revision is not in the repository.
var ErrUnknown = errors.New("unknown revision")

// nameLength is how much of a commit's name tells it from all others.
const nameLength = 12

// String returns the commit's short name, with "+dirty" behind it for a tree that
// differs from it.
func (r Revision) String() string {
	name := r.Commit[:min(nameLength, len(r.Commit))]
	if r.Dirty {
		name += "+dirty"
	}
	return name
}

// SameCode says whether both are known to be the same code.
func (r Revision) SameCode(other Revision) bool {
	return r.Repo == other.Repo && r.Commit == other.Commit && !r.Dirty && !other.Dirty
}

// Resolve finds a revision in the repository around the folder repo. An empty rev
// is the working tree.
func Resolve(ctx context.Context, repo, rev string) (Revision, error) {
	top, err := git(ctx, repo, "rev-parse", "--show-toplevel")
	if err != nil {
		return Revision{}, fmt.Errorf("finding the repository around %s: %w (run this in a clone of the project)", repo, err)
	}
	r := Revision{Repo: top, Tree: rev == ""}
	if r.Tree {
		rev = "HEAD"
	}
	if r.Commit, err = commit(ctx, top, rev); err != nil {
		return Revision{}, err
	}
	if !r.Tree {
		return r, nil
	}
	changes, err := git(ctx, top, "status", "--porcelain")
	if err != nil {
		return Revision{}, fmt.Errorf("looking for changes in %s: %w", top, err)
	}
	r.Dirty = changes != ""
	return r, nil
}

// Base returns the revision that changes are compared with unless the user says
// another: the last commit on main, as this clone knows it, else HEAD.
func Base(ctx context.Context, repo string) (Revision, error) {
	for _, name := range []string{"refs/heads/main", "refs/remotes/origin/main"} {
		r, err := Resolve(ctx, repo, name)
		if err == nil || !errors.Is(err, ErrUnknown) {
			return r, err
		}
	}
	return Resolve(ctx, repo, "HEAD")
}

// commit returns the full name of the commit that rev names.
func commit(ctx context.Context, repo, rev string) (string, error) {
	if strings.HasPrefix(rev, "-") { // git would take it for an option
		return "", fmt.Errorf("%w %q", ErrUnknown, rev)
	}
	name, err := git(ctx, repo, "rev-parse", "--verify", "--quiet", rev+"^{commit}")
	switch {
	case err == nil:
		return name, nil
	case ctx.Err() != nil:
		return "", fmt.Errorf("finding revision %q: %w", rev, context.Cause(ctx))
	case rev == "HEAD":
		return "", fmt.Errorf("%w: %s has no commit yet", ErrUnknown, repo)
	}
	if shallow, _ := git(ctx, repo, "rev-parse", "--is-shallow-repository"); shallow == "true" {
		return "", fmt.Errorf("%w %q: this clone is shallow and may lack it (git fetch --unshallow gets the rest)", ErrUnknown, rev)
	}
	return "", fmt.Errorf("%w %q: name a commit, a branch or a tag (git fetch gets new ones)", ErrUnknown, rev)
}
