// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package gobench

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/runner"
)

// module writes a module with two packages that have benchmarks and one without.
func module(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod":        "module example.com/m\n\ngo 1.26\n",
		"a/a.go":        "package a\n",
		"a/a_test.go":   "package a\n\nimport \"testing\"\n\nvar sink []byte\n\nfunc TestA(t *testing.T) { t.Fatal(\"not asked for\") }\n\nfunc BenchmarkAlloc(b *testing.B) {\n\tfor _, n := range []string{\"size=8\", \"size=64\"} {\n\t\tb.Run(n, func(b *testing.B) {\n\t\t\tb.ReportAllocs()\n\t\t\tfor b.Loop() {\n\t\t\t\tsink = make([]byte, 64)\n\t\t\t}\n\t\t})\n\t}\n}\n",
		"b/c/c.go":      "package c\n",
		"b/c/x_test.go": "package c_test\n\nimport \"testing\"\n\nfunc BenchmarkPlain(b *testing.B) {\n\tfor b.Loop() {\n\t}\n}\n\nfunc BenchmarkBroken(b *testing.B) { b.Fatal(\"broken\") }\n",
		"d/d.go":        "package d\n",
	} {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
	}
	return dir
}

func TestBuildAndRun(t *testing.T) {
	dir := module(t)
	path, err := Path(t.Context(), dir)
	require.NoError(t, err)
	require.Equal(t, "example.com/m", path)
	required, err := Requirements(t.Context(), dir)
	require.NoError(t, err)
	require.Empty(t, required)

	found, err := Build(t.Context(), dir, path, t.TempDir())
	require.NoError(t, err)
	var names []string
	for _, b := range found {
		names = append(names, b.String())
	}
	require.ElementsMatch(t, []string{"a.Alloc", "b.c.Plain", "b.c.Broken"}, names)

	file, err := record.Create(filepath.Join(t.TempDir(), "out.txt"), nil, nil)
	require.NoError(t, err)
	samples, err := Measure(t.Context(), Plan{Benchmarks: found, Rounds: 2, Each: time.Millisecond, Seed: 1}, file,
		runner.NewProgress(io.Discard, false))
	require.NoError(t, file.Close())
	require.ErrorContains(t, err, "running b.c.Broken: exit status 1")

	rounds := map[string][]int{}
	for _, s := range samples {
		rounds[s.Name] = append(rounds[s.Name], s.Round)
		_, ok := s.Value("ns/op")
		require.True(t, ok, s.Name)
		_, allocates := s.Value("allocs/op")
		require.Equal(t, s.Label("pkg") == "a", allocates, s.Name)
	}
	want := []int{1, 2}
	require.Equal(t, map[string][]int{"Alloc/pkg=a/size=8": want, "Alloc/pkg=a/size=64": want, "Plain/pkg=b.c": want}, rounds)
	runs, warnings, err := record.Read(file.Path())
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, samples, runs[0].Samples)
}

func TestVariants(t *testing.T) {
	dir := module(t)
	tagged := "//go:build special\n\npackage c_test\n\nimport \"testing\"\n\nfunc BenchmarkSpecial(b *testing.B) {}\n"
	require.NoError(t, os.WriteFile(filepath.Join(dir, "b/c/special_test.go"), []byte(tagged), 0o644))
	v, err := ParseVariant("special:^b")
	require.NoError(t, err)
	found, err := Build(t.Context(), dir, "example.com/m", t.TempDir(), v)
	require.NoError(t, err)
	var names []string
	for _, b := range found {
		names = append(names, b.String())
	}
	require.ElementsMatch(t, []string{"a.Alloc", "b.c.Plain", "b.c.Broken",
		"b.c+special.Plain", "b.c+special.Broken", "b.c+special.Special"}, names)
	for _, bad := range []string{"", "tags", ":x", "tags:", "tags:("} {
		_, err := ParseVariant(bad)
		require.ErrorContains(t, err, fmt.Sprintf("%q", bad))
	}
}

func TestBuildErrors(t *testing.T) {
	_, err := Build(t.Context(), t.TempDir(), "x", t.TempDir())
	require.ErrorContains(t, err, "listing the packages of")
	dir := module(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a/b_test.go"), []byte("package a\n\nvar x = y\n"), 0o644))
	_, err = Build(t.Context(), dir, "example.com/m", t.TempDir())
	require.ErrorContains(t, err, "building the benchmarks of a")
}

func TestSamplesOfNothing(t *testing.T) {
	_, err := samples([]byte("PASS\n"), "a")
	require.EqualError(t, err, "it measured nothing")
}
