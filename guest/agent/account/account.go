// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Package account finds out who a process is to run as.
package account

import (
	"fmt"
	"io"
	"os"

	"github.com/moby/sys/user"
	"golang.org/x/sys/unix"
)

// maxFile is how much of /etc/passwd or /etc/group is read, in bytes.
const maxFile = 4 << 20

// Account is a user as the kernel knows one.
type Account struct {
	UID, GID uint32
	Groups   []uint32 // supplementary
	Home     string
}

// Find resolves NAME|UID[:GROUP|GID] by the files etc/passwd and etc/group in the
// folder root, by Docker's rules. The empty name is root; files that are not there
// are empty.
func Find(root, name string) (Account, error) {
	passwd, err := open(root + "/etc/passwd")
	if err != nil {
		return Account{}, err
	}
	defer passwd.Close()
	group, err := open(root + "/etc/group")
	if err != nil {
		return Account{}, err
	}
	defer group.Close()
	found, err := user.GetExecUser(name, &user.ExecUser{Home: "/"}, io.LimitReader(passwd, maxFile), io.LimitReader(group, maxFile))
	if err != nil {
		return Account{}, err
	}
	a := Account{UID: uint32(found.Uid), GID: uint32(found.Gid), Home: found.Home}
	if a.Home == "" {
		a.Home = "/"
	}
	for _, g := range found.Sgids {
		a.Groups = append(a.Groups, uint32(g))
	}
	return a, nil
}

// open opens a file that an image supplies: what is no regular file is not read,
// since a read could take for ever.
func open(path string) (io.ReadCloser, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if os.IsNotExist(err) {
		return io.NopCloser(empty{}), nil
	}
	if err != nil {
		return nil, err
	}
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		f.Close()
		return nil, fmt.Errorf("opening %s: not a regular file", path)
	}
	return f, nil
}

type empty struct{}

func (empty) Read([]byte) (int, error) { return 0, io.EOF }
