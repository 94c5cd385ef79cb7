// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package revision

import (
	"go/parser"
	"go/token"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	mark  = `os.Setenv("PLANTED", "yes")`
	sleep = "time.Sleep(300*time.Millisecond)"
)

// TestPlant: the statement runs wherever the function stands and whatever the file
// imports, and the tree does not change.
func TestPlant(t *testing.T) {
	for name, c := range map[string]struct{ function, source string }{
		"a function, no import":     {"Do", "package work\n\nfunc Do() {}\n"},
		"a package with a comment":  {"Do", "// Package work works.\npackage work // here\n\nfunc Do() {\n\t// nothing\n}\n"},
		"the import is there":       {"Do", "package work\n\nimport \"os\"\n\nvar PID = os.Getpid()\n\nfunc Do() { _ = PID }\n"},
		"the import has a new name": {"Do", "package work\n\nimport system \"os\"\n\nvar PID = system.Getpid()\n\nfunc Do() { _ = PID }\n"},
		"the name is taken":         {"work", "package work\n\nfunc Do() { work(1) }\n\nfunc work(os int) (planted int) { return os + planted }\n"},
		"a method":                  {"T.work", "package work\n\ntype T struct{}\n\nfunc (T) work() {}\n\nfunc Do() { T{}.work() }\n"},
		"a method of a pointer":     {"(*T).work", "package work\n\ntype T struct{}\n\nfunc work() {}\n\nfunc (t *T) work() {}\n\nfunc Do() { (&T{}).work() }\n"},
		"a method of a generic":     {"(*T).work", "package work\n\ntype T[K comparable, V any] struct{}\n\nfunc (t *T[K, V]) work() {}\n\nfunc Do() { (&T[int, int]{}).work() }\n"},
		"a line directive":          {"Do", "//line other.go:1000\npackage work\n\nfunc Do() {}\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := repo(t)
			write(t, dir, "work/work.go", c.source)
			write(t, dir, "work/other.go", "package work\n\nfunc other() {}\n")
			commitAll(t, dir)
			builds := opened(t, t.TempDir())
			plant := &Plant{"tiny.test/work", c.function, mark}
			for i, rev := range []string{"", "HEAD"} { // from the tree and from a commit
				r := resolve(t, dir, rev)
				b, err := builds.Variant(t.Context(), r, 2*i, plant)
				require.NoError(t, err)
				require.Equal(t, "one true", says(t, b))
				plain, err := builds.Variant(t.Context(), r, 2*i+1, nil)
				require.NoError(t, err)
				require.Equal(t, "one false", says(t, plain))
			}
			require.Empty(t, gitIn(t, dir, "status", "--porcelain"))
		})
	}
}

func TestPlantErrors(t *testing.T) {
	dir := repo(t)
	write(t, dir, "work/assembly.go", "package work\n\nfunc Assembly()\n")
	write(t, dir, "work/assembly.s", "")
	builds := opened(t, t.TempDir())
	for name, c := range map[string]struct {
		plant Plant
		want  string
	}{
		"no such package":   {Plant{"tiny.test/none", "Do", sleep}, "tiny.test/none"},
		"an option":         {Plant{"-x", "Do", sleep}, "planting"},
		"no such function":  {Plant{"tiny.test/work", "(*Do).Do", sleep}, "the package has no such function with a body"},
		"no body":           {Plant{"tiny.test/work", "Assembly", sleep}, "the package has no such function with a body"},
		"no statement":      {Plant{"tiny.test/work", "Do", ""}, "is not a statement"},
		"broken":            {Plant{"tiny.test/work", "Do", "time.Sleep("}, "is not a statement"},
		"more than a body":  {Plant{"tiny.test/work", "Do", "} func x() {"}, "is not a statement"},
		"a comment":         {Plant{"tiny.test/work", "Do", "Do() // again"}, "is not a statement on one line"},
		"several lines":     {Plant{"tiny.test/work", "Do", "for {\nbreak }"}, "is not a statement on one line"},
		"does not compile":  {Plant{"tiny.test/work", "Do", "time.Nap()"}, "undefined: planted_time.Nap"},
		"no such package X": {Plant{"tiny.test/work", "Do", "nosuch.Nap()"}, "nosuch"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := builds.Variant(t.Context(), resolve(t, dir, ""), 1, &c.plant)
			require.ErrorContains(t, err, c.want)
		})
	}
}

// TestSlow: what is planted takes its time, by a sleep or by computing.
func TestSlow(t *testing.T) {
	dir := repo(t)
	builds := opened(t, t.TempDir())
	for i, statement := range []string{sleep, "for s := time.Now(); time.Since(s) < 300*time.Millisecond; {}"} {
		plant, err := ParsePlant("tiny.test/work:Do:" + statement)
		require.NoError(t, err)
		require.Equal(t, Plant{"tiny.test/work", "Do", statement}, plant)
		b, err := builds.Variant(t.Context(), resolve(t, dir, ""), i, &plant)
		require.NoError(t, err)
		start := time.Now()
		require.Equal(t, "one false", says(t, b))
		require.GreaterOrEqual(t, time.Since(start), 300*time.Millisecond)
	}
}

func TestParsePlantErrors(t *testing.T) {
	for _, text := range []string{"", "a", "a:b", "a::time.Sleep(1)", ":b:time.Sleep(1)", "a:b:", "a:b:("} {
		_, err := ParsePlant(text)
		require.Error(t, err, text)
	}
}

// FuzzPlant: any source with any function gives an error, no change, or a source
// that parses and has as many lines as before.
func FuzzPlant(f *testing.F) {
	f.Add("package p\n\nfunc (t *T[K]) F() { return }\n", "(*T).F", sleep)
	f.Add("package p; func F() {}", "F", "for { break }")
	f.Add("//line x:1\npackage p\nfunc F() { /* { */ }", "F", "x.y.z()")
	f.Fuzz(func(t *testing.T, source, function, statement string) {
		planted, found, err := Plant{"p", function, statement}.in([]byte(source))
		if err != nil || !found {
			require.Nil(t, planted)
			return
		}
		_, err = parser.ParseFile(token.NewFileSet(), "", planted, parser.SkipObjectResolution)
		require.NoError(t, err)
		require.Equal(t, strings.Count(source, "\n"), strings.Count(string(planted), "\n"))
	})
}
