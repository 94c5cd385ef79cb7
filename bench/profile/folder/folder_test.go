// SPDX-License-Identifier: MIT OR Apache-2.0

package folder

import (
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	pprof "github.com/google/pprof/profile"
	"github.com/stretchr/testify/require"
)

const benchmark = "ColdBoot/target=uml/kernel=lean"

// piece makes a profile of one function, with one value.
func piece(value int64) *pprof.Profile {
	f := &pprof.Function{ID: 1, Name: "main.work"}
	l := &pprof.Location{ID: 1, Line: []pprof.Line{{Function: f}}}
	return &pprof.Profile{
		SampleType: []*pprof.ValueType{{Type: "cpu", Unit: "nanoseconds"}},
		Sample:     []*pprof.Sample{{Location: []*pprof.Location{l}, Value: []int64{value}}},
		Function:   []*pprof.Function{f}, Location: []*pprof.Location{l},
		Comments: []string{runsComment + "99"}, // what others say of runs does not count
	}
}

func leave(t *testing.T, dir, name string, p *pprof.Profile) {
	t.Helper()
	var data bytes.Buffer
	require.NoError(t, p.Write(&data))
	require.NoError(t, os.WriteFile(filepath.Join(dir, name), data.Bytes(), 0o600))
}

func total(p *pprof.Profile, sampleType string) (sum int64) {
	for i, st := range p.SampleType {
		for _, s := range p.Sample {
			if st.Type == sampleType {
				sum += s.Value[i]
			}
		}
	}
	return sum
}

func collector(t *testing.T, dir string) *Collector {
	t.Helper()
	c, err := NewCollector(dir)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, c.Close())
		require.NoDirExists(t, c.Pieces())
	})
	return c
}

func TestCollectorMergesSamples(t *testing.T) {
	dir := t.TempDir()
	for range 2 { // as two processes would, one after the other
		c := collector(t, dir)
		leave(t, c.Pieces(), "vmm-warmup.cpu.pprof", piece(1000))
		for range 3 {
			require.NoError(t, c.Begin())
			leave(t, c.Pieces(), "vmm-a1.cpu.pprof", piece(5))
			leave(t, c.Pieces(), "vmm-b-2.cpu.pprof", piece(6))
			leave(t, c.Pieces(), "agent.cpu.pprof", piece(7))
			require.NoError(t, os.WriteFile(filepath.Join(c.Pieces(), "vmm.log"), nil, 0o600))
			require.NoError(t, c.End(benchmark))
		}
		require.NoError(t, c.Begin())
		leave(t, c.Pieces(), "vmm-failed.cpu.pprof", piece(1000))
		require.NoError(t, c.Discard())
	}
	files, err := Load(dir)
	require.NoError(t, err)
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimPrefix(f.Name, "ColdBoot.target=uml.kernel=lean/"))
		require.Equal(t, 6, Runs(f.Profile), f.Name)
	}
	require.Equal(t, []string{"agent.cpu", "launcher.allocs", "launcher.block", "launcher.cpu", "launcher.mutex", "vmm.cpu"}, names)
	require.Equal(t, int64(6*7), total(files[0].Profile, "cpu"))
	require.Equal(t, int64(6*(5+6)), total(files[5].Profile, "cpu"))
}

// TestCollectorCountsTheSampleAlone: what the process allocates between samples is not
// in its profile.
func TestCollectorCountsTheSampleAlone(t *testing.T) {
	dir := t.TempDir()
	c := collector(t, dir)
	for range 3 {
		allocate(50)
		require.NoError(t, c.Begin())
		allocate(1)
		require.NoError(t, c.End(benchmark))
	}
	p, err := Read(filepath.Join(dir, "ColdBoot.target=uml.kernel=lean", "launcher.allocs.pprof"))
	require.NoError(t, err)
	var sum int64
	for _, s := range p.Sample {
		for _, l := range s.Location {
			for _, line := range l.Line {
				if strings.HasSuffix(line.Function.Name, ".allocate") {
					sum += s.Value[1]
				}
			}
		}
	}
	require.NotContains(t, p.String(), "runtime/pprof.", "taking the profile is not in it")
	require.Equal(t, "alloc_space", p.SampleType[1].Type)
	require.InEpsilon(t, 3<<20, sum, 0.01)
}

var sink []byte

//go:noinline
func allocate(mebibytes int) {
	for range mebibytes {
		sink = make([]byte, 1<<20)
	}
}

func TestCollectorErrors(t *testing.T) {
	dir := t.TempDir()
	c := collector(t, dir)
	require.ErrorContains(t, c.End(benchmark), "no sample has begun")
	require.NoError(t, c.Discard())
	require.NoError(t, c.Begin())
	require.ErrorContains(t, c.Begin(), "a sample has begun already")
	require.ErrorContains(t, c.End(".."), `".." is no name of a benchmark`)

	require.NoError(t, c.Begin(), "the sample was given up")
	require.NoError(t, os.WriteFile(filepath.Join(c.Pieces(), "agent-1.cpu.pprof"), []byte("from a guest"), 0o600))
	leave(t, c.Pieces(), "vmm-1.cpu.pprof", piece(5))
	require.ErrorContains(t, c.End(benchmark), "not a profile")
	kept, err := Read(filepath.Join(dir, "ColdBoot.target=uml.kernel=lean", "vmm.cpu.pprof"))
	require.NoError(t, err, "the others are kept")
	require.Equal(t, int64(5), total(kept, "cpu"))

	require.NoError(t, c.Begin())
	foreign := piece(1)
	foreign.SampleType[0].Type = "wall"
	leave(t, c.Pieces(), "vmm-1.cpu.pprof", foreign)
	require.ErrorContains(t, c.End(benchmark), "adding to profile")
	after, err := Read(filepath.Join(dir, "ColdBoot.target=uml.kernel=lean", "vmm.cpu.pprof"))
	require.NoError(t, err)
	require.Equal(t, 1, Runs(after))

	require.NoError(t, os.WriteFile(filepath.Join(dir, "ColdBoot.target=uml.kernel=lean", "vmm.cpu.pprof"), nil, 0o600))
	require.NoError(t, c.Begin())
	leave(t, c.Pieces(), "vmm-1.cpu.pprof", piece(5))
	require.ErrorContains(t, c.End(benchmark), "(remove it)")
}

func TestFolderName(t *testing.T) {
	for in, want := range map[string]string{
		"Boot": "Boot", "Boot/a=b/c=1.5": "Boot.a=b.c=1.5", "": "", "../x": "", "/etc": "", ".": "", `a\b`: `a\b`,
	} {
		got, err := FolderName(in)
		require.Equal(t, want, got)
		require.Equal(t, want == "", err != nil, in)
	}
}

func TestLoad(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	require.ErrorContains(t, err, "no .pprof file in "+dir)
	_, err = Load(filepath.Join(dir, "none"))
	require.ErrorIs(t, err, os.ErrNotExist)

	leave(t, dir, "x.cpu.pprof", piece(3))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "notes.txt"), nil, 0o600))
	files, err := Load(filepath.Join(dir, "x.cpu.pprof"))
	require.NoError(t, err)
	require.Equal(t, "x.cpu", files[0].Name)
	files, err = Load(dir)
	require.NoError(t, err)
	require.Len(t, files, 1)

	require.NoError(t, os.WriteFile(filepath.Join(dir, "y.cpu.pprof"), []byte{0x1f}, 0o600))
	_, err = Load(dir)
	require.ErrorContains(t, err, "y.cpu.pprof")
}

func TestRuns(t *testing.T) {
	for comment, want := range map[string]int{
		"": 1, "arcbox runs: 20": 20, "arcbox runs: 0": 1, "arcbox runs: -3": 1, "arcbox runs: x": 1,
		"arcbox runs: 99999999999999999999": 1, "arcbox runs: 9999999999": 1, "other": 1,
	} {
		require.Equal(t, want, Runs(&pprof.Profile{Comments: []string{comment}}), comment)
	}
}

// TestParseIsBounded: what unpacks to very much is refused before it does.
func TestParseIsBounded(t *testing.T) {
	var bomb bytes.Buffer
	zip, err := gzip.NewWriterLevel(&bomb, gzip.BestSpeed)
	require.NoError(t, err)
	zeros := make([]byte, 1<<20)
	for range maxData>>20 + 1 {
		_, err = zip.Write(zeros)
		require.NoError(t, err)
	}
	require.NoError(t, zip.Close())
	_, err = parse(bomb.Bytes())
	require.ErrorContains(t, err, "larger than 64 MiB")
}

func FuzzParse(f *testing.F) {
	var zipped, plain bytes.Buffer
	require.NoError(f, piece(5).Write(&zipped))
	require.NoError(f, piece(5).WriteUncompressed(&plain))
	f.Add(zipped.Bytes(), false)
	f.Add(plain.Bytes(), true)
	f.Add([]byte{0x1f, 0x8b}, false)
	f.Fuzz(func(t *testing.T, data []byte, zip bool) {
		if zip { // so that what is below the compression is fuzzed too
			var out bytes.Buffer
			w := gzip.NewWriter(&out)
			_, err := w.Write(data)
			require.NoError(t, err)
			require.NoError(t, w.Close())
			data = out.Bytes()
		}
		p, err := parse(data)
		if err != nil {
			require.Nil(t, p)
			return
		}
		require.NotEmpty(t, p.SampleType)
		leaveOut(p)
		if merged, err := pprof.Merge([]*pprof.Profile{p, p}); err == nil {
			require.NoError(t, merged.Write(&bytes.Buffer{}))
		}
	})
}
