// SPDX-License-Identifier: MIT OR Apache-2.0

package folder

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	pprof "github.com/google/pprof/profile"
)

// Bounds of a profile, in bytes. Those of our programs have some 10 KiB.
const (
	maxFile = 32 << 20 // as it is on disk
	maxData = 64 << 20
)

// Read reads a profile as Go programs write them: profile.proto, compressed by gzip.
func Read(path string) (*pprof.Profile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading a profile: %w", err)
	}
	defer f.Close()
	data, err := readAll(f, maxFile)
	if err != nil {
		return nil, fmt.Errorf("reading profile %s: %w", path, err)
	}
	p, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("reading profile %s: %w", path, err)
	}
	return p, nil
}

// parse decodes a profile. The library would also take formats that are older than
// Go's own, by guessing.
func parse(data []byte) (*pprof.Profile, error) {
	unzip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("not a profile: %w", err)
	}
	if data, err = readAll(unzip, maxData); err != nil {
		return nil, fmt.Errorf("not a whole profile: %w", err)
	}
	p, err := pprof.ParseUncompressed(data)
	if err == nil {
		err = p.CheckValid()
	}
	if err != nil {
		return nil, fmt.Errorf("not a profile: %w", err)
	}
	if len(p.SampleType) == 0 {
		return nil, fmt.Errorf("not a profile: no sample type in it")
	}
	return p, nil
}

// readAll reads all, or fails if there is more than most bytes.
func readAll(r io.Reader, most int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("larger than %d MiB", most>>20)
	}
	if err != nil {
		return nil, err
	}
	return data, nil
}

// runsComment begins the comment that says how many runs a profile is of.
const runsComment = "arcbox runs: "

// maxRuns is more than anyone takes; sums of it do not overflow.
const maxRuns = 1 << 30

// Runs returns how many runs a profile is of: what a Collector has noted in it, else 1.
func Runs(p *pprof.Profile) int {
	for _, c := range p.Comments {
		if text, ok := strings.CutPrefix(c, runsComment); ok {
			if n, err := strconv.Atoi(text); err == nil && n > 0 && n <= maxRuns {
				return n
			}
		}
	}
	return 1
}
