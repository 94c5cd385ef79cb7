// SPDX-License-Identifier: MIT OR Apache-2.0

package suite

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestOwn(t *testing.T) {
	suites, err := Own()
	require.NoError(t, err)
	var names []string
	for _, s := range suites {
		names = append(names, s.Name)
		require.NotEmpty(t, s.About, s.Name)
	}
	require.Equal(t, []string{"ci", "full", "quick"}, names)
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.toml")
	require.NoError(t, os.WriteFile(path, []byte(`
about = "mine"
count = 5
memory = "1GiB"
[[run]]
scenario = "boot"
targets = ["qemu", "host"]
[[run]]
scenario = "exec"
targets = ["host"]
count = 7
warmup = 0
limit = "90s"
cpus = 2
memory = "64MiB"
`), 0o644))
	got, err := Load(path)
	require.NoError(t, err)
	require.Equal(t, Suite{Name: "mine", About: "mine", Runs: []Run{
		{"boot", []string{"qemu", "host"}, 5, 1, 2 * time.Minute, 1, 1 << 30, false},
		{"exec", []string{"host"}, 7, 0, 90 * time.Second, 2, 64 << 20, false},
	}}, got)
}

func TestMistakes(t *testing.T) {
	const run = "[[run]]\nscenario = \"boot\"\ntargets = [\"qemu\"]\n"
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", "nothing to run"},
		{"syntax", "about = \n", "f.toml, line 1: "},
		{"type", run + "count = \"many\"", "count"},
		{"unknown key", run + "cuont = 3", `unknown key "run.cuont"`},
		{"no scenario", "[[run]]\ntargets = [\"qemu\"]", "f.toml, run 1: name a scenario"},
		{"no target", run + "[[run]]\nscenario = \"boot\"", "f.toml, run 2: scenario boot: name its targets"},
		{"no samples", run + "count = 0", "take at least 1"},
		{"warm-ups", run + "warmup = -1", "must not be negative"},
		{"no time", run + "limit = \"0s\"", `limit "0s"`},
		{"time without unit", run + "limit = \"5\"", `limit "5"`},
		{"no CPU", run + "cpus = 0", "at least 1"},
		{"little memory", run + "memory = \"1kB\"", "from 1 MiB to 16 TiB"},
		{"no size", run + "memory = \"lots\"", `memory "lots"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parse("f.toml", []byte(c.text))
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "\n")
		})
	}
	_, err := Load("quikc")
	require.EqualError(t, err, `there is no suite "quikc" (there are ci, full, quick; a file of your own ends in .toml)`)
	_, err = Load("../escape")
	require.ErrorContains(t, err, "there is no suite")
	_, err = Load("missing.toml")
	require.ErrorIs(t, err, os.ErrNotExist)
}

// FuzzParse: a document gives a suite that can be run or an error of one line.
func FuzzParse(f *testing.F) {
	for _, name := range ownNames() {
		data, err := own.ReadFile(name + ".toml")
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte("[[run]]\nscenario='a'\ntargets=['b']\nmemory='18446744073709551615'"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := parse("f.toml", data)
		if err != nil {
			require.False(t, strings.ContainsAny(err.Error(), "\n\r"), "%q", err)
			return
		}
		for _, r := range s.Runs {
			require.NoError(t, r.Check())
		}
	})
}
