// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package process

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// DefaultPath is the PATH of a process whose environment has none.
const DefaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Exec calls try, which executes a file, with the file that name stands for: name
// itself if there is a slash in it, or else each place that PATH in env has for it.
// It returns the error of what came closest to success, with its kind.
func Exec(name string, env []string, try func(path string) error) error {
	if name == "" {
		return Invalid("no command")
	}
	if strings.Contains(name, "/") {
		if err := try(name); err != nil {
			return execError(name, err)
		}
		return nil
	}
	var denied error
	path, _ := Lookup(env, "PATH")
	for dir := range strings.SplitSeq(path, ":") {
		if dir == "" {
			dir = "."
		}
		err := try(dir + "/" + name)
		switch err {
		case nil:
			return nil
		case unix.ENOENT, unix.ENOTDIR:
		case unix.EACCES: // there may be another one further on
			denied = err
		default:
			return execError(name, err)
		}
	}
	if denied != nil {
		return execError(name, denied)
	}
	return &StartError{KindNotFound, fmt.Errorf("exec %q: executable file not found in $PATH", name)}
}

// Lookup returns the value of a variable in env; the last one counts.
func Lookup(env []string, name string) (string, bool) {
	for i := len(env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(env[i], name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// Environment returns env behind those of the defaults whose names are not in it.
func Environment(env []string, defaults ...string) []string {
	out := make([]string, 0, len(env)+len(defaults))
	for _, d := range defaults {
		name, _, _ := strings.Cut(d, "=")
		if _, ok := Lookup(env, name); !ok {
			out = append(out, d)
		}
	}
	return append(out, env...)
}
