// SPDX-License-Identifier: MIT OR Apache-2.0

package aml

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/acpi/acpitest"
)

// TestPackageLength goes over all borders between the forms (ACPI 6.4 §20.2.4).
func TestPackageLength(t *testing.T) {
	for _, tt := range []struct {
		n    int // bytes that follow
		want []byte
	}{
		{0, []byte{0x01}},
		{1, []byte{0x02}},
		{62, []byte{0x3f}},
		{63, []byte{0x41, 0x04}}, // 65
		{64, []byte{0x42, 0x04}},
		{4093, []byte{0x4f, 0xff}},       // 0xfff
		{4094, []byte{0x81, 0x00, 0x01}}, // 0x1001
		{1<<20 - 4, []byte{0x8f, 0xff, 0xff}},
		{1<<20 - 3, []byte{0xc1, 0x00, 0x00, 0x01}}, // 0x100001
		{1<<28 - 5, []byte{0xcf, 0xff, 0xff, 0xff}},
		{1<<28 - 4, nil},
		{1 << 40, nil},
	} {
		got, err := packageLength(tt.n)
		require.Equal(t, tt.want, got, "%d bytes", tt.n)
		require.Equal(t, tt.want == nil, err != nil)
	}
}

// TestPackageLengthReads decodes what is encoded, for every short length and around
// each power of two.
func TestPackageLengthReads(t *testing.T) {
	check := func(n int) {
		b, err := packageLength(n)
		require.NoError(t, err)
		more := int(b[0] >> 6)
		require.Len(t, b, 1+more)
		length := int(b[0] & 0x3f)
		if more > 0 {
			require.Zero(t, b[0]&0x30, "reserved bits for %d bytes", n)
		}
		for i, c := range b[1:] {
			length |= int(c) << (4 + 8*i)
		}
		require.Equal(t, n+len(b), length)
	}
	for n := range 10000 {
		check(n)
	}
	for bit := 13; bit < 28; bit++ {
		for n := 1<<bit - 10; n < 1<<bit+10 && n+4 < 1<<28; n++ {
			check(n)
		}
	}
}

func TestEncode(t *testing.T) {
	ones := bytes.Repeat([]byte{1}, 70)
	for _, tt := range []struct {
		name string
		term Term
		want string
	}{
		{"zero", Int(0), "\x00"},
		{"one", Int(1), "\x01"},
		{"byte", Int(2), "\x0a\x02"},
		{"largest byte", Int(0xff), "\x0a\xff"},
		{"word", Int(0x100), "\x0b\x00\x01"},
		{"largest word", Int(0xffff), "\x0b\xff\xff"},
		{"double word", Int(0x10000), "\x0c\x00\x00\x01\x00"},
		{"largest double word", Int(0xffff_ffff), "\x0c\xff\xff\xff\xff"},
		{"quad word", Int(0x1_0000_0000), "\x0e\x00\x00\x00\x00\x01\x00\x00\x00"},
		{"string", String("ab"), "\x0dab\x00"},
		{"empty string", String(""), "\x0d\x00"},
		{"empty buffer", Buffer(nil), "\x11\x02\x00"},
		{"buffer", Buffer([]byte{7, 8}), "\x11\x05\x0a\x02\x07\x08"},
		{"long buffer", Buffer(ones), "\x11\x4a\x04\x0a\x46" + string(ones)},
		{"empty package", Package(), "\x12\x02\x00"},
		{"package", Package(Int(5), String("")), "\x12\x06\x02\x0a\x05\x0d\x00"},
		{"EISA id", EISAID("PNP0501"), "\x0c\x41\xd0\x05\x01"},
		{"EISA id with letters", EISAID("PNP0C0C"), "\x0c\x41\xd0\x0c\x0c"},
		{"short name", Ref("A"), "A___"},
		{"name", Ref("_HID"), "_HID"},
		{"two segments", Ref("AB.C0"), "\x2eAB__C0__"},
		{"three segments", Ref("A.B.C"), "\x2f\x03A___B___C___"},
		{"from the root", Ref(`\_SB.PCI0`), "\\\x2e_SB_PCI0"},
		{"the root", Ref(`\`), "\\\x00"},
		{"from the parent", Ref("^^FOO"), "^^FOO_"},
		{"the parent", Ref("^"), "^\x00"},
		{"most segments", Ref("A" + strings.Repeat(".A", 254)), "\x2f\xff" + strings.Repeat("A___", 255)},
		{"named value", Name("_UID", Int(0)), "\x08_UID\x00"},
		{"scope", Scope(`\_SB`, Int(1)), "\x10\x07\\_SB_\x01"},
		{"device", Device("DEV0"), "\x5b\x82\x05DEV0"},
		{"method", Method("_EVT", 1, true), "\x14\x06_EVT\x09"},
		{"method of seven arguments", Method("M", 7, false, Arg(6)), "\x14\x07M___\x07\x6e"},
		{"if", If(Equal(Arg(0), Int(9)), Notify(Ref("P"), Int(0x80))), "\xa0\x0c\x93\x68\x0a\x09\x86P___\x0a\x80"},
		{"memory", Resources(Memory32Fixed(0xd0000200, 0x100)), "\x11\x11\x0a\x0e\x86\x09\x00\x01\x00\x02\x00\xd0\x00\x01\x00\x00\x79\x00"},
		{"memory to the end", Resources(Memory32Fixed(0xffff_ffff, 1)), "\x11\x11\x0a\x0e\x86\x09\x00\x01\xff\xff\xff\xff\x01\x00\x00\x00\x79\x00"},
		{"ports", Resources(IO(0x3f8, 8)), "\x11\x0d\x0a\x0a\x47\x01\xf8\x03\xf8\x03\x01\x08\x79\x00"},
		{"interrupt", Resources(Interrupt(300)), "\x11\x0e\x0a\x0b\x89\x06\x00\x03\x01\x2c\x01\x00\x00\x79\x00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Encode(tt.term)
			require.NoError(t, err)
			require.Equal(t, []byte(tt.want), got)
		})
	}
}

// TestErrors: what cannot be encoded is an error however deep it is.
func TestErrors(t *testing.T) {
	many := make([]Term, 256)
	for i := range many {
		many[i] = Int(0)
	}
	for _, tt := range []struct {
		name string
		term Term
		want string
	}{
		{"no name", Ref(""), "no segment"},
		{"long segment", Ref("ABCDE"), "no segment"},
		{"empty segment", Ref("A..B"), "no segment"},
		{"dot at the end", Ref("A."), "no segment"},
		{"small letters", Ref("abc"), "no segment"},
		{"digit first", Ref("0ABC"), "no segment"},
		{"root and parent", Ref(`\^A`), "no segment"},
		{"not ASCII", Ref("Ä"), "no segment"},
		{"too many segments", Ref("A" + strings.Repeat(".A", 255)), "256 segments"},
		{"string with NUL", String("a\x00"), "not ASCII at byte 1"},
		{"string beyond ASCII", String("ä"), "not ASCII at byte 0"},
		{"string of bad UTF-8", String("a\xff"), "not ASCII at byte 1"},
		{"short EISA id", EISAID("PNP050"), "7 characters"},
		{"EISA id of small letters", EISAID("pnp0501"), "does not belong"},
		{"EISA id of wrong digits", EISAID("PNP050G"), "does not belong"},
		{"package", Package(many...), "256 elements"},
		{"arguments", Method("M", 8, false), "8 arguments"},
		{"fewer arguments than none", Method("M", -1, false), "-1 arguments"},
		{"argument", Arg(7), "number 7"},
		{"negative argument", Arg(-1), "number -1"},
		{"no memory", Resources(Memory32Fixed(1, 0)), "not a range"},
		{"memory behind the end", Resources(Memory32Fixed(0xffff_ffff, 2)), "not a range"},
		{"no ports", Resources(IO(1, 0)), "not a range"},
		{"ports behind the end", Resources(IO(0xffff, 2)), "not a range"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, term := range []Term{tt.term, Scope(`\_SB`, Int(0), Device("D", Name("N", tt.term))), Package(tt.term)} {
				got, err := Encode(Int(1), term)
				require.ErrorContains(t, err, tt.want)
				require.Nil(t, got)
			}
		})
	}
}

// TestDisassembly has iasl read one of everything.
func TestDisassembly(t *testing.T) {
	code, err := Encode(
		Scope(`\_SB`,
			Device("DEV0",
				Name("_HID", EISAID("PNP0A03")),
				Name("_UID", String("first")),
				Name("_CRS", Resources(
					Memory32Fixed(0xd000_0200, 0x200), IO(0x3f8, 8), Interrupt(5), Interrupt(300)))),
			Device("DEV1",
				Name("_HID", String("LNRO0005")),
				Name("STAT", Int(0)),
				Name("LIST", Package(Int(0), Int(1), Int(0xff), Int(0x1234), Int(0x12345678), Int(0x123456789abcdef0),
					Package(), String(""))),
				Name("DATA", Buffer([]byte{1, 2, 3})),
				Method("CHEK", 2, true,
					If(Equal(Arg(0), Arg(1)), Notify(Ref("^^DEV0"), Int(0x80))),
					If(Ref(`\_SB.DEV1.STAT`), Notify(Ref(`\_SB.DEV1`), Int(1)))))),
		Name(`\_S5`, Package(Int(5), Int(0))),
	)
	require.NoError(t, err)
	acpitest.Golden(t, "everything.dsl", acpitest.Disassemble(t, acpitest.DSDT(code)))
}

// TestLongBlocks has iasl read blocks of each form of length.
func TestLongBlocks(t *testing.T) {
	for _, n := range []int{0, 60, 70, 4080, 4100} {
		data := make([]byte, n)
		code, err := Encode(Scope(`\_SB`, Name("B", Buffer(data)), Name("N", Int(7))))
		require.NoError(t, err)
		got := acpitest.Disassemble(t, acpitest.DSDT(code))
		require.Contains(t, got, "Name (N, 0x07)", "%d bytes", n)
	}
}
