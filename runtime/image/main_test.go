// SPDX-License-Identifier: MIT OR Apache-2.0

package image

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/runtime/errdefs"
	"arcbox.dev/runtime/image/build"
	"arcbox.dev/runtime/image/erofs/erofstest"
)

// roleVariable makes the test binary do something as a process of its own.
const roleVariable = "ARCBOX_IMAGE_TEST_ROLE"

// roles are what such a process can do. Its arguments follow on the command line.
var roles = map[string]func(args []string) error{"load": roleLoad, "small disk": roleSmallDisk}

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		if err := roles[role](os.Args[1:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	code := erofstest.Main(m)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// process is the test binary in a role.
func process(role string, args ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err) // no test can go on
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	return cmd
}

// roleLoad loads an archive into a store and prints the image.
func roleLoad(args []string) error {
	s, err := Open(args[0], quiet)
	if err != nil {
		return err
	}
	i, err := s.Load(context.Background(), args[1], "")
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(i)
}

var quiet = slog.New(slog.DiscardHandler)

func newStore(t testing.TB) *Store {
	t.Helper()
	return openStore(t, filepath.Join(t.TempDir(), "store"))
}

func openStore(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(dir, quiet)
	require.NoError(t, err)
	return s
}

// sample is an image of some layers; n tells images apart, and the lowest layer is
// the same in all.
func sample(name string, n int) build.Image {
	base := new(build.Layer).Dir("etc", 0o755).Dir("tmp", 0o1777).File("etc/base", 0o644, bytes.Repeat([]byte("base"), 10000))
	top := new(build.Layer).Dir("etc", 0o755).File("etc/top", 0o600, fmt.Appendf(nil, "top %d", n)).File("etc/.wh.base", 0, nil)
	return build.Image{Name: name, Architecture: runtime.GOARCH, Config: v1.Config{Cmd: []string{fmt.Sprint(n)}}, Layers: []*build.Layer{base, top}}
}

// write puts an OCI archive of the images into a new file.
func write(t testing.TB, images ...build.Image) string {
	t.Helper()
	return writeTo(t, filepath.Join(t.TempDir(), "image.tar"), images...)
}

func writeTo(t testing.TB, path string, images ...build.Image) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, build.OCIArchive(&b, images...))
	require.NoError(t, os.WriteFile(path, b.Bytes(), 0o600))
	return path
}

func load(t testing.TB, s *Store, path string) Image {
	t.Helper()
	i, err := s.Load(context.Background(), path, "")
	require.NoError(t, err)
	return i
}

// requireClean checks that the store holds the layers of its images and nothing else.
func requireClean(t testing.TB, s *Store) {
	t.Helper()
	left, err := os.ReadDir(s.file("tmp"))
	require.NoError(t, err)
	require.Empty(t, left)
	images, err := s.List(context.Background())
	require.NoError(t, err)
	want := map[string]bool{}
	for _, i := range images {
		require.NoError(t, s.check(i))
		for _, l := range i.Layers {
			want[filepath.Base(l.Path)] = true
		}
	}
	files, err := os.ReadDir(s.file("layers"))
	require.NoError(t, err)
	for _, f := range files {
		require.True(t, want[f.Name()], "%s is left over", f.Name())
	}
	require.Len(t, files, len(want))
	top, err := os.ReadDir(s.dir)
	require.NoError(t, err)
	var names []string
	for _, f := range top {
		names = append(names, f.Name())
	}
	require.Subset(t, []string{"layers", "load.lock", "state.db", "state.lock", "tmp"}, names)
}

// requireClass checks an error's class and that it is one line.
func requireClass(t testing.TB, err, class error) {
	t.Helper()
	require.ErrorIs(t, err, class)
	require.NotContains(t, err.Error(), "\n")
	for _, other := range []error{errdefs.ErrInvalid, errdefs.ErrNotFound, errdefs.ErrCorrupt, errdefs.ErrExhausted, errdefs.ErrUnavailable} {
		if other != class {
			require.NotErrorIs(t, err, other)
		}
	}
}

// output runs a process and returns what it prints.
func output(t testing.TB, cmd *exec.Cmd) string {
	t.Helper()
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	require.NoError(t, err, errs.String())
	return string(out)
}
