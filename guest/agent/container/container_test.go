// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package container

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/guest/agent/process"
)

func TestValidID(t *testing.T) {
	for _, id := range []string{"a", "0", "a-b_c.d", "A1", strings.Repeat("x", 64)} {
		require.True(t, validID(id), id)
	}
	for _, id := range []string{"", ".", "..", "-a", "_a", "a/b", "a b", "ä", "a\x00", strings.Repeat("x", 65)} {
		require.False(t, validID(id), id)
	}
}

func TestCapabilitySet(t *testing.T) {
	const chown, netAdmin = 1 << 0, 1 << 12
	for _, tt := range []struct {
		add, drop []string
		want      uint64
	}{
		{nil, nil, 0xa80425fb},
		{[]string{"NET_ADMIN"}, nil, 0xa80425fb | netAdmin},
		{[]string{"cap_net_admin"}, []string{"CAP_CHOWN"}, 0xa80425fb&^chown | netAdmin},
		{nil, []string{"ALL"}, 0},
		{[]string{"CHOWN"}, []string{"KILL", "all"}, chown},
		{[]string{"ALL"}, nil, 1<<41 - 1},
		{[]string{"ALL"}, []string{"CHOWN"}, (1<<41 - 1) &^ chown},
	} {
		got, err := capabilitySet(tt.add, tt.drop)
		require.NoError(t, err)
		require.Equal(t, tt.want, got, "%v %v", tt.add, tt.drop)
	}
	for _, name := range []string{"", "FLY", "CAP_CAP_CHOWN"} {
		_, err := capabilitySet([]string{name}, nil)
		require.Equal(t, process.KindInvalid, process.KindOf(err), name)
	}
	require.Len(t, capabilities, 41)
	require.NotContains(t, capabilities, "", "each number has a name")
}

func TestVerdict(t *testing.T) {
	for _, tt := range []struct {
		name, events string
		kind         process.Kind
		err          string // none if empty
	}{
		{"success", "x", 0, ""},
		{"success with a terminal", "tx", 0, ""},
		{"killed", "", process.KindSetup, "ended before"},
		{"killed with a terminal", "t", process.KindSetup, "ended before"},
		{"set-up", "e\x00no space", process.KindSetup, "no space"},
		{"exec", "txe\x02not found", process.KindNotFound, "not found"},
		{"error alone", "e", process.KindSetup, "failed"},
		{"unknown kind", "e\x09x", process.KindSetup, "failed"},
		{"unknown event", "y", process.KindSetup, `says 'y'`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := verdict([]byte(tt.events))
			if tt.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tt.err)
			require.Equal(t, tt.kind, process.KindOf(err))
		})
	}
}

func FuzzVerdict(f *testing.F) {
	f.Add([]byte("tx"))
	f.Add([]byte("txe\x03denied"))
	f.Fuzz(func(t *testing.T, events []byte) {
		if err := verdict(events); err != nil {
			require.LessOrEqual(t, process.KindOf(err), process.KindNotExecutable)
		}
	})
}
