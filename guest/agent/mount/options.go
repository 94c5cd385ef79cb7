// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package mount

import (
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// flag is what an option of mount(8) does to the flags of mount(2).
type flag struct {
	name  string
	bits  uintptr
	clear bool
}

var flags = [...]flag{
	{"defaults", 0, false},
	{"ro", unix.MS_RDONLY, false},
	{"rw", unix.MS_RDONLY, true},
	{"nosuid", unix.MS_NOSUID, false},
	{"suid", unix.MS_NOSUID, true},
	{"nodev", unix.MS_NODEV, false},
	{"dev", unix.MS_NODEV, true},
	{"noexec", unix.MS_NOEXEC, false},
	{"exec", unix.MS_NOEXEC, true},
	{"sync", unix.MS_SYNCHRONOUS, false},
	{"async", unix.MS_SYNCHRONOUS, true},
	{"dirsync", unix.MS_DIRSYNC, false},
	{"mand", unix.MS_MANDLOCK, false},
	{"nomand", unix.MS_MANDLOCK, true},
	{"noatime", unix.MS_NOATIME, false},
	{"atime", unix.MS_NOATIME, true},
	{"nodiratime", unix.MS_NODIRATIME, false},
	{"diratime", unix.MS_NODIRATIME, true},
	{"relatime", unix.MS_RELATIME, false},
	{"norelatime", unix.MS_RELATIME, true},
	{"strictatime", unix.MS_STRICTATIME, false},
	{"nostrictatime", unix.MS_STRICTATIME, true},
	{"lazytime", unix.MS_LAZYTIME, false},
	{"nolazytime", unix.MS_LAZYTIME, true},
	{"silent", unix.MS_SILENT, false},
	{"bind", unix.MS_BIND, false},
	{"rbind", unix.MS_BIND | unix.MS_REC, false},
	{"remount", unix.MS_REMOUNT, false},
}

// propagations are options that take a mount(2) of their own.
var propagations = [...]flag{
	{"shared", unix.MS_SHARED, false}, {"rshared", unix.MS_SHARED | unix.MS_REC, false},
	{"slave", unix.MS_SLAVE, false}, {"rslave", unix.MS_SLAVE | unix.MS_REC, false},
	{"private", unix.MS_PRIVATE, false}, {"rprivate", unix.MS_PRIVATE | unix.MS_REC, false},
	{"unbindable", unix.MS_UNBINDABLE, false}, {"runbindable", unix.MS_UNBINDABLE | unix.MS_REC, false},
}

func find(table []flag, name string) (flag, bool) {
	i := slices.IndexFunc(table, func(f flag) bool { return f.name == name })
	if i < 0 {
		return flag{}, false
	}
	return table[i], true
}

// parse splits options into flags, a change of propagation (0 for none), and what
// is left for the file system.
func parse(options []string) (bits, propagation uintptr, data string) {
	var rest []string
	for _, o := range options {
		if f, ok := find(flags[:], o); ok {
			if f.clear {
				bits &^= f.bits
			} else {
				bits |= f.bits
			}
		} else if p, ok := find(propagations[:], o); ok {
			propagation = p.bits
		} else if o != "" {
			rest = append(rest, o)
		}
	}
	return bits, propagation, strings.Join(rest, ",")
}

// IsBind reports whether the options ask for a bind.
func IsBind(options []string) bool {
	bits, _, _ := parse(options)
	return bits&unix.MS_BIND != 0
}
