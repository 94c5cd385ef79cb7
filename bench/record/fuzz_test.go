// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzParse reads whatever a file may hold: every run has samples, what is known
// about them is sane, and the whole can be exported or is refused.
func FuzzParse(f *testing.F) {
	f.Add([]byte("host: h\n\nBenchmarkA/k=v 1 100 a-ns 5 B\n"))
	f.Add([]byte("BenchmarkA 1 NaN a-ns\nBenchmark 1\nUnit a-ns better=lower\n"))
	f.Add([]byte("Unit a better=lower\nUnit a better=higher\nBenchmarkX -1 1e999 x\n"))
	f.Add([]byte("key:\nkey: \x00\xff\nBenchmark/=/ 9999999999999999999 1 x"))
	f.Add([]byte("Unit a floor=0.05 slack=1e9\n#: round=3 disturbed=swap 4/s\nBenchmarkA/a=b/a=c/ 1 2 a\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		runs, _ := Parse(data, "fuzz")
		for _, r := range runs {
			if len(r.Samples) == 0 {
				t.Error("a run without samples")
			}
			for _, u := range r.Units {
				if u.Floor < 0 || u.Slack < 0 {
					t.Errorf("unit %+v", u)
				}
			}
			for _, s := range r.Samples {
				if s.Round < 0 || bytes.ContainsRune([]byte(s.Disturbed), '\n') {
					t.Errorf("sample %+v", s)
				}
			}
		}
		var out bytes.Buffer
		switch err := Export(&out, runs); {
		case err != nil && out.Len() > 0:
			t.Errorf("a document and an error: %v", err)
		case err == nil && !json.Valid(out.Bytes()):
			t.Errorf("not JSON: %s", out.Bytes())
		}
	})
}
