// SPDX-License-Identifier: MIT OR Apache-2.0

package acpi

import (
	"encoding/binary"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"arcbox.dev/runtime/vmm/acpi/acpitest"
)

const testBase = 0xe_0000

// full has one of everything, and a device that is on no page boundary.
var full = Config{
	CPUs:           2,
	Devices:        []Device{{Base: 0xd000_0000, Size: 0x200, GSI: 5}, {Base: 0xd000_1200, Size: 0x200, GSI: 300}},
	Serial:         true,
	PowerButtonGSI: 9,
	SleepControl:   0x600, SleepStatus: 0x601, SleepType: 5,
	Reset: 0x602, ResetValue: 1,
}

// system is what a guest finds on its way from the RSDP.
type system struct {
	fadt, madt, dsdt []byte
}

func sum(b []byte) (s byte) {
	for _, c := range b {
		s += c
	}
	return s
}

// read goes the guest's way from the RSDP and wants whole tables, one behind the
// other, with right checksums.
func read(t require.TestingT, tables []byte, base uint64) (s system) {
	le := binary.LittleEndian
	require.Equal(t, "RSD PTR ", string(tables[:8]))
	require.Zero(t, sum(tables[:20]), "the RSDP's first checksum")
	require.Zero(t, sum(tables[:36]), "the RSDP's second checksum")
	require.EqualValues(t, 2, tables[15])
	require.EqualValues(t, 36, le.Uint32(tables[20:]))
	covered := 36
	table := func(at uint64, signature string) []byte {
		require.Zero(t, at%8)
		require.True(t, at >= base+36 && at-base < uint64(len(tables)), "%s at %#x", signature, at)
		b := tables[at-base:]
		n := le.Uint32(b[4:])
		require.True(t, n >= 36 && uint64(n) <= uint64(len(b)), "%s of %d bytes", signature, n)
		b = b[:n:n]
		require.Equal(t, signature, string(b[:4]))
		require.Zero(t, sum(b), "the checksum of %s", signature)
		covered += int(n)
		return b
	}
	xsdt := table(le.Uint64(tables[24:]), "XSDT")
	require.Len(t, xsdt, 36+2*8)
	s.fadt = table(le.Uint64(xsdt[36:]), "FACP")
	s.madt = table(le.Uint64(xsdt[44:]), "APIC")
	s.dsdt = table(le.Uint64(s.fadt[140:]), "DSDT")
	require.True(t, covered <= len(tables) && len(tables) < covered+4*8, "tables overlap, or leave room")
	return s
}

func TestDisassembly(t *testing.T) {
	tables, rsdp, err := Build(full, testBase)
	require.NoError(t, err)
	require.EqualValues(t, testBase, rsdp)
	s := read(t, tables, testBase)
	acpitest.Golden(t, "dsdt.dsl", acpitest.Disassemble(t, s.dsdt))
	acpitest.Golden(t, "fadt.dsl", acpitest.Disassemble(t, s.fadt))
	acpitest.Golden(t, "madt.dsl", acpitest.Disassemble(t, s.madt))
}

// TestDisassemblyOfVariants has iasl read what is near a border.
func TestDisassemblyOfVariants(t *testing.T) {
	many := Config{CPUs: 260}
	for i := range 40 {
		many.Devices = append(many.Devices, Device{Base: 0xd000_0000 + uint64(i)*0x1000, Size: 0x200, GSI: uint32(5 + i)})
	}
	for _, tt := range []struct {
		name       string
		cfg        Config
		want, deny string // patterns
	}{
		{"least", Config{CPUs: 1}, `Device \(C000\)`, `_S5|GED|COM1|LNRO0005`},
		{"many", many, `Device \(V027\)`, `V028|C104`},
		{"highest device", Config{CPUs: 1, Devices: []Device{{Base: 0xffff_f001, Size: 0xfff, GSI: math.MaxUint32}}},
			`0xFFFFF001,\s+0x00000FFF,[^V]*0xFFFFFFFF`, `V001`},
		{"button beyond a byte", Config{CPUs: 1, PowerButtonGSI: 1000}, `Arg0 == 0x03E8`, `_S5`},
		{"button 1", Config{CPUs: 1, PowerButtonGSI: 1}, `Arg0 == One`, `_S5`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tables, _, err := Build(tt.cfg, testBase)
			require.NoError(t, err)
			s := read(t, tables, testBase)
			got := acpitest.Disassemble(t, s.dsdt)
			require.Regexp(t, tt.want, got)
			require.NotRegexp(t, tt.deny, got)
			acpitest.Disassemble(t, s.fadt)
			acpitest.Disassemble(t, s.madt)
		})
	}
}

// TestBootFlags: what the guest is told not to look for (ACPI 6.4 §5.2.9.3).
func TestBootFlags(t *testing.T) {
	for _, tt := range []struct {
		cfg  Config
		want uint16
	}{
		{Config{CPUs: 1}, 0x24},
		{Config{CPUs: 1, Serial: true}, 0x25},
	} {
		tables, _, err := Build(tt.cfg, testBase)
		require.NoError(t, err)
		fadt := read(t, tables, testBase).fadt
		require.Equal(t, tt.want, binary.LittleEndian.Uint16(fadt[109:]))
		require.Zero(t, fadt[113]&0x04, "a reset register that is not there")
	}
}

func TestMADT(t *testing.T) {
	for _, n := range []int{1, 255, 256, 300} {
		tables, _, err := Build(Config{CPUs: n}, testBase)
		require.NoError(t, err)
		madt := read(t, tables, testBase).madt
		le := binary.LittleEndian
		var ids, uids []uint32
		ioapics := 0
		for b := madt[44:]; len(b) > 0; b = b[b[1]:] {
			switch b[0] {
			case 0:
				require.EqualValues(t, 8, b[1])
				require.NotEqual(t, byte(255), b[3], "the id of all CPUs")
				ids, uids = append(ids, uint32(b[3])), append(uids, uint32(b[2]))
				require.EqualValues(t, 1, le.Uint32(b[4:]))
			case 9:
				require.EqualValues(t, 16, b[1])
				ids, uids = append(ids, le.Uint32(b[4:])), append(uids, le.Uint32(b[12:]))
				require.EqualValues(t, 1, le.Uint32(b[8:]))
			case 1:
				ioapics++
				require.EqualValues(t, 0xfec0_0000, le.Uint32(b[4:]))
				require.Zero(t, le.Uint32(b[8:]))
			default:
				t.Fatalf("entry of type %d", b[0])
			}
		}
		require.Equal(t, 1, ioapics)
		require.Len(t, ids, n)
		require.Equal(t, ids, uids)
		for i, id := range ids {
			require.EqualValues(t, i, id)
		}
	}
}

func TestBuildErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
		base uint64
		want string
	}{
		{"no CPUs", Config{}, testBase, "0 CPUs"},
		{"too many CPUs", Config{CPUs: MaxCPUs + 1}, testBase, "4097 CPUs"},
		{"too many to fit", Config{CPUs: MaxCPUs}, testBase, "too many"},
		{"too many devices", Config{CPUs: 1, Devices: make([]Device, maxDevices+1)}, testBase, "4097 devices"},
		{"empty device", Config{CPUs: 1, Devices: []Device{{Base: 1}}}, testBase, "below 4 GiB"},
		{"device that ends at 4 GiB and a byte", Config{CPUs: 1, Devices: []Device{{Base: 0xffff_f001, Size: 0x1000}}}, testBase, "below 4 GiB"},
		{"device above 4 GiB", Config{CPUs: 1, Devices: []Device{{Base: 1 << 32, Size: 1}}}, testBase, "below 4 GiB"},
		{"device that wraps", Config{CPUs: 1, Devices: []Device{{Base: math.MaxUint64, Size: 2}}}, testBase, "below 4 GiB"},
		{"sleep type", Config{CPUs: 1, SleepType: 8}, testBase, "sleep type 8"},
		{"half of sleep", Config{CPUs: 1, SleepControl: 1}, testBase, "only one has a port"},
		{"other half of sleep", Config{CPUs: 1, SleepStatus: 1}, testBase, "only one has a port"},
		{"unaligned", Config{CPUs: 1}, testBase + 8, "no address"},
		{"below", Config{CPUs: 1}, testBase - 16, "no address"},
		{"above", Config{CPUs: 1}, 0x10_0000, "no address"},
		{"at the end", Config{CPUs: 1}, 0x10_0000 - 16, "behind 0x100000"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tables, _, err := Build(tt.cfg, tt.base)
			require.ErrorContains(t, err, tt.want)
			require.Nil(t, tables)
		})
	}
}

// TestBuildAny: whatever is described gives whole tables or an error.
func TestBuildAny(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cfg := Config{
			CPUs:           rapid.IntRange(-1, 300).Draw(t, "CPUs"),
			Serial:         rapid.Bool().Draw(t, "serial"),
			PowerButtonGSI: rapid.Uint32().Draw(t, "button"),
			Reset:          rapid.Uint16().Draw(t, "reset"),
		}
		if rapid.Bool().Draw(t, "sleep") {
			cfg.SleepControl, cfg.SleepStatus = 0x600, 0x601
			cfg.SleepType = rapid.ByteRange(0, 7).Draw(t, "sleep type")
		}
		cfg.Devices = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Device {
			return Device{
				Base: rapid.Uint64Range(0, 1<<32).Draw(t, "base"),
				Size: rapid.Uint32Range(0, 1<<20).Draw(t, "size"),
				GSI:  rapid.Uint32().Draw(t, "GSI"),
			}
		}), 0, 100).Draw(t, "devices")
		base := 0xe_0000 + 16*rapid.Uint64Range(0, 0x1fff).Draw(t, "base")
		tables, rsdp, err := Build(cfg, base)
		if err != nil {
			require.Nil(t, tables)
			return
		}
		require.Equal(t, base, rsdp)
		require.LessOrEqual(t, base+uint64(len(tables)), uint64(0x10_0000))
		s := read(t, tables, base)
		require.Len(t, s.fadt, 276)
	})
}
