// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"io/fs"
	"os"
	"testing"
	"testing/fstest"
)

func file(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }

func link(target string) *fstest.MapFile {
	return &fstest.MapFile{Data: []byte(target), Mode: fs.ModeSymlink}
}

func TestFacts(t *testing.T) {
	s := scene{pid: 1, uid: 65534, gid: 65534, host: "box", root: fstest.MapFS{
		"proc/sys/kernel/ostype":        file("Linux\n"),
		"proc/sys/kernel/osrelease":     file("6.12.1\n"),
		"proc/cpuinfo":                  file("processor\t: 0\nmodel name\t: Some  CPU\n\nprocessor\t: 1\nmodel name\t: Some  CPU\n"),
		"proc/meminfo":                  file("MemTotal:         262144 kB\nMemFree: x\nMemAvailable:     131072 kB\n"),
		"proc/uptime":                   file("0.123 0.10\n"),
		"etc/passwd":                    file("root:x:0:0::/:\nnobody:x:65534:65534::/:\n"),
		"proc/self/mountinfo":           file("1 1 0:1 / / rw - rootfs rootfs rw\n2 1 0:2 / /proc rw - proc proc rw\n3 1 0:3 / / ro,relatime - overlay overlay rw\n"),
		"proc/self/ns/cgroup":           link("cgroup:[4026531835]"),
		"proc/self/ns/ipc":              link("ipc:[4026531839]"),
		"proc/self/ns/mnt":              link("mnt:[4026531840]"),
		"proc/self/ns/net":              link("net:[4026531841]"),
		"proc/self/ns/pid":              link("pid:[4026531836]"),
		"proc/self/ns/pid_for_children": link("pid:[4026531836]"),
	}}
	got := table(s.facts())
	want := `  kernel      Linux 6.12.1
  processors  2 × Some CPU
  memory      256 MiB, 128 MiB available
  uptime      120ms
  host name   box
  process     1
  user        nobody (65534:65534)
  root        overlay, read-only
  namespaces  cgroup 4026531835  ipc 4026531839     mnt 4026531840     net 4026531841
              pid 4026531836
`
	if got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
}

// Without /proc, or with nonsense in it, there is less to say, and nothing breaks.
func TestFactsOfNothing(t *testing.T) {
	for name, root := range map[string]fs.FS{
		"empty": fstest.MapFS{},
		"nonsense": fstest.MapFS{
			"proc/cpuinfo": file(":::\n"), "proc/meminfo": file("MemTotal"), "proc/uptime": file("soon"),
			"proc/self/mountinfo": file("a - b\n - \n"), "etc/passwd": file("x\n::\n"), "proc/self/ns/mnt": file("no link"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := table(scene{root: root, pid: 7}.facts())
			if want := "  process  7\n  user     0:0\n"; got != want {
				t.Errorf("got:\n%s\nwant:\n%s", got, want)
			}
		})
	}
}

func TestHere(t *testing.T) {
	if len((scene{root: os.DirFS("/")}).facts()) == 0 {
		t.Error("nothing to say about this host")
	}
}
