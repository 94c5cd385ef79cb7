// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
)

func TestReceive(t *testing.T) {
	r := newReceiver(strings.NewReader(`{"id":1,"op":"sample","scenario":"Boot","future":[1]}` + "\n" + `{"id":2` + "\n"))
	var got request
	require.NoError(t, r.receive(&got))
	require.Equal(t, request{ID: 1, Op: opSample, Scenario: "Boot"}, got)
	require.ErrorIs(t, r.receive(&got), ErrBadMessage)
	require.ErrorIs(t, r.receive(&got), io.EOF)

	longest := `{"id":1}` + strings.Repeat(" ", maxMessage-9) + "\n"
	require.NoError(t, newReceiver(strings.NewReader(longest)).receive(&got))
	require.ErrorIs(t, newReceiver(strings.NewReader(" "+longest)).receive(&got), ErrBadMessage)
}

func TestSend(t *testing.T) {
	var b bytes.Buffer
	require.ErrorIs(t, send(&b, request{Scenario: strings.Repeat("x", maxMessage)}), ErrBadMessage)
	require.ErrorIs(t, send(&b, Measurement{Values: []record.Value{{Value: math.NaN()}}}), ErrBadMessage)
	require.Zero(t, b.Len())
	require.NoError(t, send(&b, hello{Protocol}))
	require.Equal(t, "{\"arcbox-worker\":1}\n", b.String())
}

func TestFailureOf(t *testing.T) {
	f := failureOf(errors.New(strings.Repeat("x", maxMessage)))
	require.Less(t, len(f.Text), maxText+10)
	require.Nil(t, f.Missing)
}

func TestLastWords(t *testing.T) {
	for _, tc := range []struct{ name, output, want string }{
		{"none", "", ""},
		{"last line", "one\ntwo\n\n", "two"},
		{"unfinished", "one\ntwo", "two"},
		{"panic", "working\npanic: boom [recovered]\n\ngoroutine 1 [running]:\nmain.main()\n", "panic: boom [recovered]"},
		{"runtime", "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1\n", "fatal error: all goroutines are asleep - deadlock!"},
		{"unprintable", "a\x1b[31mb\x00\n", "a [31mb"},
		{"long", strings.Repeat("é", maxLine), strings.Repeat("é", maxLine/2) + " …"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var out tail
			for _, b := range []byte(tc.output) { // as it may come
				_, _ = out.Write([]byte{b})
			}
			require.Equal(t, tc.want, out.lastWords())
		})
	}
	var out tail
	_, _ = out.Write(bytes.Repeat([]byte("x"), 3*maxTail))
	_, _ = out.Write([]byte("\nend\n"))
	require.LessOrEqual(t, len(out.kept), maxTail)
	require.Equal(t, "end", out.lastWords())
}

// FuzzReceive: whatever a worker sends is a reply or an error, never both, and what
// was understood is understood again.
func FuzzReceive(f *testing.F) {
	f.Add([]byte(`{"id":1,"measurement":{"values":[{"Value":1,"Unit":"a-ns"}],"cpu-ns":5,"took-ns":6}}` + "\n"))
	f.Add([]byte(`{"id":2,"failure":{"text":"no","missing":{"What":"x","Remedy":"y"}}}` + "\n" + `{"id":3}` + "\n"))
	f.Add([]byte(`{"id":3,"ready":{"labels":[{"Key":"target","Value":"x"}],"version":"1","scenarios":[{"name":"A","version":1,"units":[]}]}}` + "\n"))
	f.Add([]byte("null\n[]\n{\"id\":-1}\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		r := newReceiver(bytes.NewReader(sent))
		for {
			var got reply
			if err := r.receive(&got); err != nil {
				if errors.Is(err, io.EOF) {
					return
				}
				require.ErrorIs(t, err, ErrBadMessage)
				return // as the lab ends such a worker
			}
			if got.Ready != nil {
				_, _ = got.Ready.scenario("A")
			}
			if err := (Described{}).check(got.Measurement); err == nil {
				t.Fatalf("a measurement without a description passed: %+v", got.Measurement)
			}
			if got.Failure != nil {
				_ = (&remoteError{*got.Failure}).Error()
			}
			var again reply
			var b bytes.Buffer
			if send(&b, got) != nil { // escaping makes it longer than a message may be
				continue
			}
			require.NoError(t, newReceiver(&b).receive(&again))
			require.Equal(t, got, again)
		}
	})
}
