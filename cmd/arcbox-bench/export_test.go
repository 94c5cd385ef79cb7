// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExport(t *testing.T) {
	writeResults(t, map[string]string{
		"a.txt": "host: h\n\n#: round=2\nBenchmarkColdBoot/target=uml 1 35000000 agent_ready-ns\nBenchmarkX 1 y z\n",
		"b.txt": "host: i\n\nBenchmarkPush 10 5 ns/op\n",
	})
	stdout, stderr, err := runAlone(exportCommand(), "results/h/a.txt", "results/h/b.txt")
	require.NoError(t, err)
	require.Contains(t, stderr, "warning: results/h/a.txt:5: ")
	require.JSONEq(t, `{"schema": 1, "runs": [
		{"config": {"host": "h"}, "units": [], "samples": [{"name": "ColdBoot/target=uml", "base": "ColdBoot",
			"labels": {"target": "uml"}, "iterations": 1, "round": 2, "values": {"agent_ready-ns": 35000000}}]},
		{"config": {"host": "i"}, "units": [], "samples": [{"name": "Push", "base": "Push", "labels": {}, "iterations": 10, "values": {"ns/op": 5}}]}
	]}`, stdout)

	_, _, err = runAlone(exportCommand())
	require.ErrorAs(t, err, &usageError{})
	stdout, _, err = runAlone(exportCommand(), "absent.txt")
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, stdout)
}
