// SPDX-License-Identifier: MIT OR Apache-2.0

package env

import (
	"context"
	"os/exec"
	"runtime/debug"
	"strings"
)

// Commit names the revision of the running program: what the go command stamped
// into it, else the revision of the repository around the working directory, else
// "unknown". A tree with changes that are not committed adds "+dirty".
func Commit(ctx context.Context) string {
	if info, ok := debug.ReadBuildInfo(); ok {
		if c := stamped(info.Settings); c != "" {
			return c
		}
	}
	return checkedOut(ctx)
}

// stamped reads the revision from a program's build settings.
func stamped(settings []debug.BuildSetting) string {
	var revision, dirty string
	for _, s := range settings {
		switch {
		case s.Key == "vcs.revision":
			revision = short(s.Value)
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+dirty"
		}
	}
	if revision == "" {
		return ""
	}
	return revision + dirty
}

// checkedOut asks git.
func checkedOut(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "git", "rev-parse", "HEAD").Output()
	if err != nil {
		return "unknown"
	}
	revision := short(strings.TrimSpace(string(out)))
	changes, err := exec.CommandContext(ctx, "git", "status", "--porcelain").Output()
	if err != nil || len(changes) > 0 {
		revision += "+dirty"
	}
	return revision
}

// short cuts a revision to what is unique in any repository of this size.
func short(revision string) string {
	const digits = 12
	return revision[:min(digits, len(revision))]
}
