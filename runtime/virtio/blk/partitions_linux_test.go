// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/runtime/errdefs"
)

// files makes files of these sizes with contents of their own.
func files(t testing.TB, sizes ...int) (paths []string, contents [][]byte) {
	dir := t.TempDir()
	for i, n := range sizes {
		path := filepath.Join(dir, fmt.Sprintf("layer%d", i))
		data := pattern(i*1000003, n)
		require.NoError(t, os.WriteFile(path, data, 0o600))
		paths, contents = append(paths, path), append(contents, data)
	}
	return paths, contents
}

// whole reads a disk in one go.
func whole(t testing.TB, d Disk) []byte {
	b := make([]byte, d.Size())
	require.NoError(t, d.Readv(guestmem.Segments(b), 0))
	return b
}

// tableHeader is what a reader of a partition table needs of its header.
type tableHeader struct {
	self, other, first, last, array uint64
	disk                            guid
	arraySum                        uint32
}

// readTableHeader reads and checks the header at a block, by the text of UEFI 2.10 §5.3.2.
func readTableHeader(disk []byte, block uint64) (h tableHeader, err error) {
	b := bytes.Clone(disk[block*512:][:512])
	le := binary.LittleEndian
	if string(b[:8]) != "EFI PART" || le.Uint32(b[8:]) != 0x10000 || le.Uint32(b[12:]) != 92 {
		return h, fmt.Errorf("block %d is no header", block)
	}
	sum := le.Uint32(b[16:])
	clear(b[16:20])
	if got := crc32.ChecksumIEEE(b[:92]); got != sum {
		return h, fmt.Errorf("header at block %d has checksum %#x, says %#x", block, got, sum)
	}
	if !bytes.Equal(b[92:], make([]byte, 420)) {
		return h, fmt.Errorf("header at block %d is not followed by zeros", block)
	}
	h = tableHeader{
		self: le.Uint64(b[24:]), other: le.Uint64(b[32:]), first: le.Uint64(b[40:]), last: le.Uint64(b[48:]),
		disk: guid(b[56:72]), array: le.Uint64(b[72:]), arraySum: le.Uint32(b[88:]),
	}
	if n, size := le.Uint32(b[80:]), le.Uint32(b[84:]); n != 128 || size != 128 {
		return h, fmt.Errorf("array of %d entries of %d bytes", n, size)
	}
	if got := crc32.ChecksumIEEE(disk[h.array*512:][:128*128]); got != h.arraySum {
		return h, fmt.Errorf("array at block %d has checksum %#x, header says %#x", h.array, got, h.arraySum)
	}
	return h, nil
}

// readPartitions returns where partitions are by both copies of the table, which
// must agree.
func readPartitions(disk []byte) (parts []extent, ids []guid, err error) {
	last := uint64(len(disk))/512 - 1
	primary, err := readTableHeader(disk, 1)
	if err != nil {
		return nil, nil, err
	}
	backup, err := readTableHeader(disk, last)
	if err != nil {
		return nil, nil, err
	}
	if primary.self != 1 || primary.other != last || backup.self != last || backup.other != 1 {
		return nil, nil, fmt.Errorf("headers at blocks 1 and %d refer to %+v, %+v", last, primary, backup)
	}
	if primary.disk != backup.disk || primary.arraySum != backup.arraySum || primary.first != backup.first || primary.last != backup.last {
		return nil, nil, fmt.Errorf("headers differ: %+v, %+v", primary, backup)
	}
	if primary.array != 2 || primary.first < 34 || backup.array <= primary.last {
		return nil, nil, fmt.Errorf("parts of the table overlap: %+v, %+v", primary, backup)
	}
	ids = append(ids, primary.disk)
	end := primary.first
	for i := range 128 {
		e := disk[2*512+i*128:][:128]
		if bytes.Equal(e, make([]byte, 128)) {
			continue
		}
		from, to := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
		if from < end || to < from || to > primary.last || i != len(parts) {
			return nil, nil, fmt.Errorf("entry %d goes from block %d to %d", i, from, to)
		}
		end = to + 1
		parts = append(parts, extent{int64(from * 512), int64(to-from+1) * 512})
		ids = append(ids, guid(e[16:32]))
	}
	return parts, ids, nil
}

func TestPartitions(t *testing.T) {
	many := make([]int, MaxPartitions)
	for i := range many {
		many[i] = 1 + i*37
	}
	for _, test := range []struct {
		name  string
		sizes []int
	}{
		{"one byte", []int{1}},
		{"one page", []int{4096}},
		{"odd sizes", []int{4097, 100000, 12288, 511}},
		{"as many as there may be", many},
	} {
		t.Run(test.name, func(t *testing.T) {
			paths, contents := files(t, test.sizes...)
			p, err := OpenPartitions(paths)
			require.NoError(t, err)
			defer p.Close()
			require.True(t, p.ReadOnly())
			disk := whole(t, p)
			require.Zero(t, len(disk)%4096)
			parts, ids, err := readPartitions(disk)
			require.NoError(t, err)
			require.Len(t, parts, len(contents))
			for i, part := range parts {
				require.Zero(t, part.off%4096)
				require.Equal(t, (len(contents[i])+4095)/4096*4096, int(part.size))
				got := disk[part.off:][:part.size]
				require.True(t, bytes.Equal(contents[i], got[:len(contents[i])]), "partition %d", i+1)
				require.True(t, bytes.Equal(make([]byte, int(part.size)-len(contents[i])), got[len(contents[i]):]), "padding of partition %d", i+1)
			}
			seen := make(map[guid]bool)
			for _, id := range ids {
				require.False(t, seen[id], "GUID %x occurs twice", id)
				seen[id] = true
				require.EqualValues(t, 0x80, id[7]&0xf0)
				require.EqualValues(t, 0x80, id[8]&0xc0)
			}
			require.Equal(t, []byte{0x55, 0xaa}, disk[510:512])
			require.EqualValues(t, 0xee, disk[450])
			require.EqualValues(t, len(disk)/512-1, binary.LittleEndian.Uint32(disk[458:]))

			again, err := OpenPartitions(paths)
			require.NoError(t, err)
			defer again.Close()
			require.True(t, bytes.Equal(disk, whole(t, again)), "the same files make another disk")
		})
	}
}

// TestPartitionsReadAnywhere compares reads of any place, size and framing with the
// disk as a whole.
func TestPartitionsReadAnywhere(t *testing.T) {
	paths, _ := files(t, 5000, 1, 70000)
	p, err := OpenPartitions(paths)
	require.NoError(t, err)
	defer p.Close()
	disk := whole(t, p)
	buf := make([]byte, len(disk))
	for off := 0; off < len(disk); off += 512 {
		for _, n := range []int{512, 4096, 20480, len(disk) - off} {
			n = min(n, len(disk)-off)
			for _, piece := range []int{7, 512, 1000, n} {
				if n/piece > 200 {
					continue
				}
				clear(buf[:n])
				bufs := guestmem.Segments(slices.Collect(slices.Chunk(buf[:n], piece))...)
				require.NoError(t, p.Readv(bufs, int64(off)))
				require.True(t, bytes.Equal(disk[off:off+n], buf[:n]), "%d bytes at %d by %d", n, off, piece)
			}
		}
	}
	require.Error(t, p.Readv(guestmem.Segments(buf[:512]), int64(len(disk))))
	require.Error(t, p.Readv(guestmem.Segments(buf[:1024]), int64(len(disk)-512)))
}

// TestPartitionsByOthers lets the host's own tool read the table.
func TestPartitionsByOthers(t *testing.T) {
	sfdisk, err := exec.LookPath("sfdisk")
	if err != nil {
		t.Skip("sfdisk is not installed")
	}
	paths, _ := files(t, 5000, 4096, 1<<20)
	p, err := OpenPartitions(paths)
	require.NoError(t, err)
	defer p.Close()
	disk := whole(t, p)
	path := filepath.Join(t.TempDir(), "disk")
	require.NoError(t, os.WriteFile(path, disk, 0o600))
	parts, _, err := readPartitions(disk)
	require.NoError(t, err)

	verify, err := exec.Command(sfdisk, "--verify", path).CombinedOutput()
	require.NoError(t, err, "%s", verify)
	require.Contains(t, string(verify), "No errors detected")
	out, err := exec.Command(sfdisk, "--json", path).Output()
	require.NoError(t, err)
	var dump struct {
		PartitionTable struct {
			Label      string
			Partitions []struct {
				Start, Size int64
				Type, UUID  string
			}
		}
	}
	require.NoError(t, json.Unmarshal(out, &dump))
	require.Equal(t, "gpt", dump.PartitionTable.Label)
	got := dump.PartitionTable.Partitions
	require.Len(t, got, len(parts))
	for i, part := range parts {
		require.Equal(t, part, extent{got[i].Start * 512, got[i].Size * 512})
		require.Equal(t, "0FC63DAF-8483-4772-8E79-3D69D8477DE4", got[i].Type)
	}
}

func TestOpenPartitionsRefuses(t *testing.T) {
	paths, _ := files(t, 10, 0)
	for _, test := range []struct {
		name  string
		paths []string
		class error
		text  string
	}{
		{"none", nil, errdefs.ErrInvalid, "disk of 0 partitions"},
		{"too many", make([]string, MaxPartitions+1), errdefs.ErrInvalid, "disk of 129 partitions"},
		{"missing", []string{paths[0], paths[0] + "x"}, errdefs.ErrNotFound, paths[0] + "x"},
		{"empty", paths, errdefs.ErrInvalid, paths[1] + ": it is empty"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := OpenPartitions(test.paths)
			require.Nil(t, p)
			require.ErrorIs(t, err, test.class)
			require.ErrorContains(t, err, test.text)
		})
	}
	path := image(t, 512)
	writer := openFile(t, path, false)
	defer writer.Close()
	_, err := OpenPartitions([]string{paths[0], path})
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
}

func TestPartitionsAreReadOnly(t *testing.T) {
	paths, contents := files(t, 8192)
	p, err := OpenPartitions(paths)
	require.NoError(t, err)
	d := newDriver(t, p, Options{Serial: "layers"}, featureFlush)
	require.Equal(t, featureReadOnly, d.dev.Features()&(featureReadOnly|featureDiscard|featureWriteZeroes))
	require.Equal(t, contents[0][:512], d.must(kindIn, 40, nil, 512))
	d.must(kindFlush, 0, nil, 0)
	st, _, _ := d.do(kindOut, 40, make([]byte, 512), 0)
	require.Equal(t, statusError, st)
	require.ErrorIs(t, p.Writev(nil, 0), errdefs.ErrNotSupported)
	require.ErrorIs(t, p.Discard(0, 0), errdefs.ErrNotSupported)
	require.ErrorIs(t, p.WriteZeroes(0, 0, false), errdefs.ErrNotSupported)
}

// TestPartitionsOfGoneFile: a file that was cut short is an error to the guest, not
// zeros.
func TestPartitionsOfGoneFile(t *testing.T) {
	paths, _ := files(t, 8192)
	p, err := OpenPartitions(paths)
	require.NoError(t, err)
	d := newDriver(t, p, Options{}, 0)
	require.NoError(t, os.Truncate(paths[0], 4096))
	st, _, _ := d.do(kindIn, 48, nil, 512)
	require.Equal(t, statusError, st)
}
