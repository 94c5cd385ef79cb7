// SPDX-License-Identifier: MIT OR Apache-2.0

package kmod

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Info is what a module says of itself in its .modinfo section.
type Info struct {
	Name     string   // with underscores, as the kernel calls it; absent in kernels before 4.13
	Release  string   // the kernel release it was built for: the first word of vermagic
	Depends  []string // modules that must be loaded before it
	SoftPre  []string // modules or aliases that should be loaded before it, where there are such
	SoftPost []string // likewise, after it
	Aliases  []string // other names; those with wildcards are patterns of device identifiers
}

// maxInfo bounds a .modinfo section, in bytes; the largest in Linux 6.12 has about 300 KiB.
const maxInfo = 4 << 20

// ReadInfo reads the .modinfo section of a module.
func ReadInfo(r io.ReaderAt) (Info, error) {
	f, err := elf.NewFile(r)
	if err != nil {
		return Info{}, fmt.Errorf("reading a module's ELF header: %w", err)
	}
	s := f.Section(".modinfo")
	if s == nil || s.Type == elf.SHT_NOBITS {
		return Info{}, errors.New("reading a module: it has no .modinfo section")
	}
	if s.Size > maxInfo {
		return Info{}, fmt.Errorf("reading a module: its .modinfo section claims %d bytes", s.Size)
	}
	data, err := s.Data()
	if err != nil {
		return Info{}, fmt.Errorf("reading a module's .modinfo section: %w", err)
	}
	return ParseInfo(data), nil
}

// ParseInfo reads the content of a .modinfo section: key=value strings, each ended
// by a zero byte. Keys that mean nothing here, and strings without a key, are
// skipped, as modprobe does.
func ParseInfo(section []byte) Info {
	var info Info
	for field := range bytes.SplitSeq(section, []byte{0}) {
		key, value, ok := strings.Cut(string(field), "=")
		if !ok {
			continue
		}
		switch key {
		case "name":
			info.Name = canonical(value)
		case "vermagic":
			info.Release, _, _ = strings.Cut(value, " ")
		case "depends":
			for dep := range strings.SplitSeq(value, ",") {
				if dep != "" {
					info.Depends = append(info.Depends, canonical(dep))
				}
			}
		case "softdep":
			info.addSoft(value)
		case "alias":
			info.Aliases = append(info.Aliases, value)
		}
	}
	return info
}

// addSoft reads "pre: a b post: c", the form of modprobe.d(5) without the module's name.
func (i *Info) addSoft(value string) {
	var to *[]string
	for word := range strings.FieldsSeq(value) {
		switch {
		case word == "pre:":
			to = &i.SoftPre
		case word == "post:":
			to = &i.SoftPost
		case to != nil:
			*to = append(*to, canonical(word))
		}
	}
}

// canonical writes a module's name the way the kernel does: file names may have
// hyphens where the kernel's own names have underscores.
func canonical(name string) string { return strings.ReplaceAll(name, "-", "_") }
