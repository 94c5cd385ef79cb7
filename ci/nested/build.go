// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux && amd64

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// build builds what goes into the machine into dir. Everything is static: there are
// no libraries in the machine.
func build(ctx context.Context, dir string) error {
	commit, err := exec.CommandContext(ctx, "git", "describe", "--always", "--dirty").Output()
	if err != nil {
		commit = []byte("unknown")
	}
	flags := "-ldflags=-s -w -X main.commit=" + strings.TrimSpace(string(commit))
	programs := []string{"build", flags, "-o", dir + "/",
		"arcbox.dev/cmd/arcbox", "arcbox.dev/cmd/arcbox-vmm", "arcbox.dev/cmd/arcbox-agent", "arcbox.dev/cmd/arcbox-hello",
		"arcbox.dev/cmd/arcbox-bench", "arcbox.dev/cmd/arcbox-probe", "arcbox.dev/ci/nested/inner",
	}
	if err := goTool(ctx, programs...); err != nil {
		return err
	}
	for _, args := range [][]string{{"hello", filepath.Join(dir, "hello.tar"), filepath.Join(dir, "arcbox-hello")}, {"busybox", filepath.Join(dir, "busybox.tar")}} {
		if err := goTool(ctx, append([]string{"run", "arcbox.dev/runtime/image/build/pack"}, args...)...); err != nil {
			return err
		}
	}
	for name, pkg := range tested {
		if err := goTool(ctx, "test", "-c", "-ldflags=-s -w", "-o", filepath.Join(dir, name+".test"), pkg); err != nil {
			return err
		}
	}
	return nil
}

func goTool(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, out)
	}
	return nil
}

// packageDir is a package's folder.
func packageDir(ctx context.Context, pkg string) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", pkg).Output()
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", pkg, err)
	}
	return strings.TrimSpace(string(out)), nil
}
