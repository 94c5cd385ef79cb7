// SPDX-License-Identifier: MIT OR Apache-2.0

// Package acpitest asks ACPICA's compiler, iasl, what ACPI tables say. It is the one
// reader of tables that shares nothing with their writer.
package acpitest

import (
	"bytes"
	"encoding/binary"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files again")

// headerSize is the size of a table's header in bytes. Its last fields say what wrote
// the table.
const headerSize = 36

// Disassemble returns a table as iasl reads it, less comments and what differs from
// run to run. The table must be whole, give no warning, and be what iasl makes of
// its own reading again. Without iasl the test is skipped.
func Disassemble(t testing.TB, table []byte) string {
	t.Helper()
	if _, err := exec.LookPath("iasl"); err != nil {
		t.Skip("iasl is not here: install acpica-tools")
	}
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "table.aml"), table, 0o600))
	require.NotRegexp(t, `(?i)error|warning|invalid|incorrect`, iasl(t, folder, "-d", "table.aml"))
	source, err := os.ReadFile(filepath.Join(folder, "table.dsl"))
	require.NoError(t, err)
	require.NotRegexp(t, `(?i)warning|incorrect|invalid`, string(source))

	// -oa: nothing is shortened. Warnings are counted at the end.
	require.Contains(t, iasl(t, folder, "-oa", "-p", "again", "table.dsl"), "0 Errors, 0 Warnings")
	again, err := os.ReadFile(filepath.Join(folder, "again.aml"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(table[headerSize:], again[headerSize:]), "compiled again: %x, not %x",
		again[headerSize:], table[headerSize:])
	return essence(string(source))
}

func iasl(t testing.TB, folder string, args ...string) string {
	t.Helper()
	cmd := exec.Command("iasl", args...)
	cmd.Dir = folder
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// What is no part of a table's meaning, and what takes its place.
var noise = []struct {
	pattern *regexp.Regexp
	replace string
}{
	{regexp.MustCompile(`(?s)\nRaw Table Data.*`), "\n"},
	{regexp.MustCompile(`(?s)/\*.*?\*/`), ""},
	{regexp.MustCompile(`//.*`), ""},
	{regexp.MustCompile(`(?m)^\[.{4} (\d+) +\d+\] +`), "$1 "}, // the decimal offset stays
	{regexp.MustCompile(`(?m)^.*Checksum.*$`), ""},
	{regexp.MustCompile(`(\S)[ \t]+`), "$1 "},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
	{regexp.MustCompile(`\n{2,}`), "\n"},
}

func essence(source string) string {
	for _, n := range noise {
		source = n.pattern.ReplaceAllString(source, n.replace)
	}
	return strings.TrimSpace(source) + "\n"
}

// Golden compares got with a file in testdata, which -update writes.
func Golden(t testing.TB, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got)
}

// DSDT makes a table of AML code.
func DSDT(code []byte) []byte {
	le := binary.LittleEndian
	t := le.AppendUint32([]byte("DSDT"), uint32(headerSize+len(code)))
	t = append(t, 2, 0) // revision, checksum
	t = append(t, "OEMID_OEMTABLE"...)
	t = le.AppendUint32(t, 1)
	t = append(t, "TEST"...)
	t = le.AppendUint32(t, 1)
	t = append(t, code...)
	var sum byte
	for _, c := range t {
		sum += c
	}
	t[9] = -sum
	return t
}
