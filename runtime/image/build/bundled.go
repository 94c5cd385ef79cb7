// SPDX-License-Identifier: MIT OR Apache-2.0

package build

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// defaultPath is the search path of the images made here.
const defaultPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// epoch is the time of all files, so that builds can be compared.
var epoch = time.Unix(0, 0).UTC()

// Hello returns the bundled image: one program, and just enough around it to have a
// user.
func Hello(program []byte) (Image, error) {
	arch, err := architecture(program)
	if err != nil {
		return Image{}, err
	}
	l := &Layer{ModTime: epoch}
	l.Dir("etc", 0o755)
	l.File("etc/group", 0o644, []byte("root:x:0:\nnobody:x:65534:\n"))
	l.File("etc/passwd", 0o644, []byte("root:x:0:0:root:/:/hello\nnobody:x:65534:65534:nobody:/:/hello\n"))
	l.File("hello", 0o755, program)
	l.Dir("tmp", 0o1777)
	return Image{
		Name:         "arcbox/hello:latest",
		Architecture: arch,
		Created:      epoch,
		Config:       v1.Config{Entrypoint: []string{"/hello"}, Env: []string{defaultPath}, WorkingDir: "/"},
		Layers:       []*Layer{l},
	}, nil
}

// Busybox returns an image of a busybox program, with a link for each of the
// applets, which are paths like bin/sh. It has the users root, nobody and app (1000).
func Busybox(program []byte, applets []string) (Image, error) {
	arch, err := architecture(program)
	if err != nil {
		return Image{}, err
	}
	l := &Layer{ModTime: epoch}
	for _, dir := range []string{"bin", "etc", "home"} {
		l.Dir(dir, 0o755)
	}
	l.Dir("home/app", 0o755).Owner(1000, 1000)
	l.Dir("root", 0o700)
	l.Dir("sbin", 0o755)
	l.Dir("tmp", 0o1777)
	for _, dir := range []string{"usr", "usr/bin", "usr/sbin", "var"} {
		l.Dir(dir, 0o755)
	}
	l.File("bin/busybox", 0o755, program)
	for _, a := range applets {
		a = strings.TrimPrefix(a, "/")
		if a == "linuxrc" || a == "bin/busybox" || a == "" {
			continue
		}
		l.Symlink(a, "/bin/busybox")
	}
	l.File("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\napp:x:1000:1000:app:/home/app:/bin/sh\n"))
	l.File("etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\nusers:x:100:app\napp:x:1000:\n"))
	return Image{
		Name:         "busybox:latest",
		Architecture: arch,
		Created:      epoch,
		Config:       v1.Config{Cmd: []string{"sh"}, Env: []string{defaultPath}},
		Layers:       []*Layer{l},
	}, nil
}

var machines = map[elf.Machine]string{
	elf.EM_X86_64:  "amd64",
	elf.EM_AARCH64: "arm64",
	elf.EM_RISCV:   "riscv64",
}

// architecture returns what a static program is made for.
func architecture(program []byte) (string, error) {
	f, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return "", fmt.Errorf("program is no Linux program: %w", err)
	}
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return "", fmt.Errorf("program is not static: nothing else is in its image")
		}
	}
	arch, ok := machines[f.Machine]
	if !ok {
		return "", fmt.Errorf("program is for %s, which is not known here", f.Machine)
	}
	return arch, nil
}
