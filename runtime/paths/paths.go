// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

// Package paths says where ArcBox keeps what it keeps (XDG Base Directory
// Specification 0.8), and makes those folders private.
package paths

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"arcbox.dev/runtime/errdefs"
)

// Paths are the folders of one user.
type Paths struct {
	Config string // what the user wrote
	Data   string // images, disks: what must not be lost
	Cache  string // kernels, initramfs images: what can be made again
	Run    string // sockets and folders of running VMs: gone with the last of them
}

// Of works out the folders from the environment. ARCBOX_HOME, if set, holds all of
// them; ARCBOX_CACHE the cache alone.
func Of(getenv func(string) string) (Paths, error) {
	var p Paths
	if home := getenv("ARCBOX_HOME"); home != "" {
		if !filepath.IsAbs(home) {
			return p, errdefs.New(errdefs.ErrInvalid, "give an absolute path", "ARCBOX_HOME is %q", home)
		}
		p = Paths{Config: filepath.Join(home, "config"), Data: filepath.Join(home, "data"), Cache: filepath.Join(home, "cache")}
	} else {
		for _, d := range []struct {
			to       *string
			env      string
			fallback string
		}{{&p.Config, "XDG_CONFIG_HOME", ".config"}, {&p.Data, "XDG_DATA_HOME", ".local/share"}, {&p.Cache, "XDG_CACHE_HOME", ".cache"}} {
			base := getenv(d.env)
			if !filepath.IsAbs(base) { // the specification: relative paths are to be ignored
				if getenv("HOME") == "" {
					return p, errdefs.New(errdefs.ErrInvalid, "set HOME or ARCBOX_HOME", "there is no home folder to keep things in")
				}
				base = filepath.Join(getenv("HOME"), d.fallback)
			}
			*d.to = filepath.Join(base, "arcbox")
		}
	}
	if cache := getenv("ARCBOX_CACHE"); filepath.IsAbs(cache) {
		p.Cache = cache
	}
	if run := getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(run) && ownFolder(run) == nil {
		p.Run = filepath.Join(run, "arcbox")
	} else {
		temp := getenv("TMPDIR")
		if !filepath.IsAbs(temp) {
			temp = "/tmp"
		}
		p.Run = filepath.Join(temp, "arcbox-"+strconv.Itoa(os.Geteuid()))
	}
	return p, nil
}

// Private makes dir, if it is not there, and makes sure that it is a folder of
// this user's alone: in a folder that others can write to, somebody else may have
// made it first.
func Private(dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return classify(err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return classify(err)
	}
	return ownFolder(dir)
}

func classify(err error) error {
	return errdefs.New(errdefs.ErrUnavailable, "set ARCBOX_HOME and TMPDIR to folders that you can write to", "making a folder: %w", err)
}

func ownFolder(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(st.Uid) != os.Geteuid() || info.Mode().Perm()&0o077 != 0 {
		return errdefs.New(errdefs.ErrInvalid, fmt.Sprintf("remove it, or chmod 700 it if it is yours: %s", dir), "%s is not a private folder of this user", dir)
	}
	return nil
}
