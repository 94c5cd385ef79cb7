// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
	"time"
)

// scene is what the program can see.
type scene struct {
	root          fs.FS // the root folder, for /proc and /etc
	pid, uid, gid int
	host          string
}

// fact is one line of the table.
type fact struct{ name, text string }

// facts returns what there is to say. What cannot be found out is left out.
func (s scene) facts() []fact {
	all := []fact{
		{"kernel", s.kernel()},
		{"processors", s.processors()},
		{"memory", s.memory()},
		{"uptime", s.uptime()},
		{"host name", s.host},
		{"process", fmt.Sprintf("%d", s.pid)},
		{"user", s.user()},
		{"root", s.mount()},
		{"namespaces", s.namespaces()},
	}
	out := all[:0]
	for _, f := range all {
		if f.text != "" {
			out = append(out, f)
		}
	}
	return out
}

// table aligns the facts in two columns.
func table(facts []fact) string {
	width := 0
	for _, f := range facts {
		width = max(width, len(f.name))
	}
	var b strings.Builder
	for _, f := range facts {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, f.name, strings.ReplaceAll(f.text, "\n", "\n"+strings.Repeat(" ", width+4)))
	}
	return b.String()
}

// read returns a file without the white space around it, or "".
func (s scene) read(name string) string {
	data, err := fs.ReadFile(s.root, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

func (s scene) kernel() string {
	return strings.TrimSpace(s.read("proc/sys/kernel/ostype") + " " + s.read("proc/sys/kernel/osrelease"))
}

// processors counts the processors and names their model.
func (s scene) processors() string {
	count, model := 0, ""
	for line := range strings.Lines(s.read("proc/cpuinfo")) {
		key, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(key) {
		case "processor":
			count++
		case "model name":
			model = strings.Join(strings.Fields(value), " ")
		}
	}
	if count == 0 {
		return ""
	}
	return strings.TrimSpace(fmt.Sprintf("%d × %s", count, model))
}

// memory tells the total and what can still be had.
func (s scene) memory() string {
	kib := map[string]int{}
	for line := range strings.Lines(s.read("proc/meminfo")) {
		key, value, _ := strings.Cut(line, ":")
		n, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		if err == nil {
			kib[key] = n
		}
	}
	if kib["MemTotal"] == 0 {
		return ""
	}
	return fmt.Sprintf("%d MiB, %d MiB available", kib["MemTotal"]>>10, kib["MemAvailable"]>>10)
}

func (s scene) uptime() string {
	first, _, _ := strings.Cut(s.read("proc/uptime"), " ")
	seconds, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return ""
	}
	return time.Duration(seconds * float64(time.Second)).Round(10 * time.Millisecond).String()
}

// user names the user, where the image has a list of them.
func (s scene) user() string {
	ids := fmt.Sprintf("%d:%d", s.uid, s.gid)
	for line := range strings.Lines(s.read("etc/passwd")) {
		if f := strings.Split(line, ":"); len(f) > 2 && f[2] == strconv.Itoa(s.uid) {
			return f[0] + " (" + ids + ")"
		}
	}
	return ids
}

// mount describes the root file system. Fields of a line of mountinfo are in
// proc_pid_mountinfo(5); the type follows a lone dash.
func (s scene) mount() string {
	text := ""
	for line := range strings.Lines(s.read("proc/self/mountinfo")) {
		before, after, ok := strings.Cut(line, " - ")
		f, rest := strings.Fields(before), strings.Fields(after)
		if !ok || len(f) < 6 || len(rest) < 1 || f[4] != "/" {
			continue
		}
		text = rest[0] + ", writable" // the last one is on top
		if strings.HasPrefix(f[5]+",", "ro,") {
			text = rest[0] + ", read-only"
		}
	}
	return text
}

// namespaces lists the namespaces of the process, four in a line.
func (s scene) namespaces() string {
	entries, err := fs.ReadDir(s.root, "proc/self/ns")
	if err != nil {
		return ""
	}
	var b strings.Builder
	n := 0
	for _, e := range entries {
		target, err := fs.ReadLink(s.root, "proc/self/ns/"+e.Name())
		if err != nil || strings.HasSuffix(e.Name(), "_for_children") {
			continue
		}
		sep := "  "
		if n%4 == 0 {
			sep = "\n"
		}
		fmt.Fprintf(&b, "%s%-17s", sep, strings.ReplaceAll(strings.TrimSuffix(target, "]"), ":[", " "))
		n++
	}
	lines := strings.Split(strings.TrimPrefix(b.String(), "\n"), "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}
