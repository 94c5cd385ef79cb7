// SPDX-License-Identifier: MIT OR Apache-2.0

package blk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
	"arcbox.dev/runtime/virtio"
	"arcbox.dev/runtime/virtio/virtiotest"
)

func TestReadWrite(t *testing.T) {
	path := image(t, testSize)
	d := newDriver(t, openFile(t, path, false), Options{}, allFeatures)
	require.Equal(t, pattern(0, 512), d.must(kindIn, 0, nil, 512))
	require.Equal(t, pattern(3*512, 64<<10), d.must(kindIn, 3, nil, 64<<10))
	require.Equal(t, pattern(testSize-512, 512), d.must(kindIn, testSize/512-1, nil, 512))
	want := bytes.Repeat([]byte("arcbox!\n"), 128)
	d.must(kindOut, 5, want, 0)
	require.Equal(t, want, d.must(kindIn, 5, nil, len(want)))
	d.must(kindFlush, 0, nil, 0)
	onDisk, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, onDisk[5*512:][:len(want)])
	count := d.dev.Counters()
	require.EqualValues(t, 6, count["requests"])
	require.EqualValues(t, 1024, count["written_bytes"])
	require.EqualValues(t, 1, count["flushes"])
}

// TestFraming: descriptors may split a request anywhere.
func TestFraming(t *testing.T) {
	d := newDriver(t, openFile(t, image(t, testSize), false), Options{}, allFeatures)
	for _, test := range []struct {
		name               string
		readable, writable []int
	}{
		{"as Linux does", []int{16}, []int{1024, 1}},
		{"status with data", []int{16}, []int{1025}},
		{"status with the end of data", []int{16}, []int{1000, 25}},
		{"header in bytes", []int{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, []int{1024, 1}},
		{"header in two", []int{7, 9}, []int{1024, 1}},
		{"data not at sectors", []int{16}, []int{1, 511, 300, 212, 1}},
		{"readable rest", []int{20}, []int{1025}},
	} {
		t.Run("in "+test.name, func(t *testing.T) {
			n := 0
			for _, k := range test.readable {
				n += k
			}
			clear(d.mem[:2048])
			d.header(kindIn, 9)
			require.EqualValues(t, 1025, d.chain(test.readable, test.writable))
			require.Equal(t, pattern(9*512, 1024), d.mem[n:n+1024])
			require.Equal(t, byte(statusOK), d.mem[n+1024])
		})
	}
	for _, readable := range [][]int{{16 + 1024}, {16, 1024}, {3, 14, 1023}, {16, 1, 1023}, {15, 1025}} {
		copy(d.mem[headerSize:], bytes.Repeat([]byte{byte(len(readable)), 7}, 512))
		want := bytes.Clone(d.mem[headerSize : headerSize+1024])
		d.header(kindOut, 20)
		require.EqualValues(t, 1, d.chain(readable, []int{1}), "%v", readable)
		require.Equal(t, want, d.must(kindIn, 20, nil, 1024), "%v", readable)
	}
}

// failingDisk is a disk that is broken.
type failingDisk struct{ Disk }

var errBroken = errors.New("broken")

func (failingDisk) Readv([]guestmem.Segment, int64) error  { return errBroken }
func (failingDisk) Writev([]guestmem.Segment, int64) error { return errBroken }
func (failingDisk) Flush() error                           { return errBroken }
func (failingDisk) Discard(int64, int64) error             { return errBroken }
func (failingDisk) WriteZeroes(int64, int64, bool) error   { return errBroken }

func ranges(segments ...segment) []byte {
	var b []byte
	for _, s := range segments {
		b = binary.LittleEndian.AppendUint64(b, s.sector)
		b = binary.LittleEndian.AppendUint32(b, s.sectors)
		b = binary.LittleEndian.AppendUint32(b, s.flags)
	}
	return b
}

func TestRefused(t *testing.T) {
	const sectors = testSize / 512
	many := make([]segment, maxDiscardSegments+1)
	one := ranges(segment{sectors: 8})
	for _, test := range []struct {
		name     string
		readOnly bool
		broken   bool
		features uint64
		kind     kind
		sector   uint64
		out      []byte
		in       int
		want     status
		used     uint32
	}{
		{name: "read beyond the end", kind: kindIn, sector: sectors, in: 512, want: statusError},
		{name: "read across the end", kind: kindIn, sector: sectors - 1, in: 1024, want: statusError},
		{name: "read sector wraps", kind: kindIn, sector: 1<<64 - 1, in: 512, want: statusError},
		{name: "read offset wraps", kind: kindIn, sector: 1 << 55, in: 512, want: statusError},
		{name: "read part of a sector", kind: kindIn, in: 513, want: statusError},
		{name: "read fails", broken: true, kind: kindIn, in: 512, want: statusError},
		{name: "write across the end", kind: kindOut, sector: sectors - 1, out: make([]byte, 1024), want: statusError, used: 1},
		{name: "write part of a sector", kind: kindOut, out: make([]byte, 100), want: statusError, used: 1},
		{name: "write read-only", readOnly: true, kind: kindOut, out: make([]byte, 512), want: statusError, used: 1},
		{name: "write fails", broken: true, kind: kindOut, out: make([]byte, 512), want: statusError, used: 1},
		{name: "flush fails", broken: true, kind: kindFlush, want: statusError, used: 1},
		{name: "unknown kind", kind: 99, in: 512, want: statusUnsupported},
		{name: "secure erase", kind: 14, out: one, want: statusUnsupported, used: 1},
		{name: "discard not negotiated", features: featureFlush | featureWriteZeroes, kind: kindDiscard, out: one, want: statusUnsupported, used: 1},
		{name: "discard read-only", readOnly: true, kind: kindDiscard, out: one, want: statusError, used: 1},
		{name: "discard fails", broken: true, kind: kindDiscard, out: one, want: statusError, used: 1},
		{name: "discard nothing", kind: kindDiscard, want: statusError, used: 1},
		{name: "discard half a segment", kind: kindDiscard, out: one[:8], want: statusError, used: 1},
		{name: "discard too many segments", kind: kindDiscard, out: ranges(many...), want: statusError, used: 1},
		{name: "discard beyond the end", kind: kindDiscard, out: ranges(segment{sector: sectors - 1, sectors: 2}), want: statusError, used: 1},
		{name: "discard sector wraps", kind: kindDiscard, out: ranges(segment{sector: 1<<64 - 1, sectors: 2}), want: statusError, used: 1},
		{name: "discard with unmap", kind: kindDiscard, out: ranges(segment{sectors: 1, flags: flagUnmap}), want: statusUnsupported, used: 1},
		{name: "write zeroes not negotiated", features: featureFlush | featureDiscard, kind: kindWriteZeroes, out: one, want: statusUnsupported, used: 1},
		{name: "write zeroes read-only", readOnly: true, kind: kindWriteZeroes, out: one, want: statusError, used: 1},
		{name: "write zeroes fails", broken: true, kind: kindWriteZeroes, out: one, want: statusError, used: 1},
		{name: "write zeroes too long", kind: kindWriteZeroes, out: ranges(segment{sectors: maxZeroSectors + 1}), want: statusError, used: 1},
		{name: "write zeroes twice", kind: kindWriteZeroes, out: append(one, one...), want: statusError, used: 1},
		{name: "write zeroes reserved flag", kind: kindWriteZeroes, out: ranges(segment{sectors: 1, flags: 2}), want: statusUnsupported, used: 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := image(t, testSize)
			var disk Disk = openFile(t, path, test.readOnly)
			if test.broken {
				disk = failingDisk{disk}
			}
			if test.features == 0 {
				test.features = allFeatures
			}
			d := newDriver(t, disk, Options{}, test.features)
			st, _, used := d.do(test.kind, test.sector, test.out, test.in)
			require.Equal(t, test.want, st)
			require.Equal(t, test.used, used)
			require.EqualValues(t, 1, d.dev.Counters()["failed"])
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, pattern(0, testSize), got, "the disk has changed")
		})
	}
}

// TestMalformed: chains that are no requests.
func TestMalformed(t *testing.T) {
	d := newDriver(t, openFile(t, image(t, testSize), false), Options{}, allFeatures)
	d.header(kindIn, 0)
	require.Zero(t, d.chain([]int{16, 512}, nil), "no place for a status")
	for _, n := range []int{1, 15} {
		d.mem[n] = byte(untouched)
		require.EqualValues(t, 1, d.chain([]int{n}, []int{1}), "header of %d bytes", n)
		require.Equal(t, byte(statusUnsupported), d.mem[n])
	}
	require.EqualValues(t, 1, d.chain(nil, []int{1}), "no header")
	require.Equal(t, byte(statusUnsupported), d.mem[0])
	require.Zero(t, d.chain(nil, []int{513}), "no header, with room for data")
	require.Equal(t, byte(statusUnsupported), d.mem[512])
	// The queue still works.
	require.Equal(t, pattern(0, 512), d.must(kindIn, 0, nil, 512))
}

func TestEmptyRequests(t *testing.T) {
	d := newDriver(t, openFile(t, image(t, testSize), false), Options{}, allFeatures)
	d.must(kindIn, 0, nil, 0)
	d.must(kindOut, testSize/512, nil, 0)
}

func TestGetID(t *testing.T) {
	for _, test := range []struct {
		name, serial, want string
		in                 int
		used               uint32
	}{
		{"short", "root", "root" + string(make([]byte, 16)), 20, 21},
		{"full", "abcdefghijklmnopqrst", "abcdefghijklmnopqrst", 20, 21},
		{"cut", "abcdefghijklmnopqrstuvwxyz", "abcdefghijklmnopqrst", 20, 21},
		{"little room", "abcdef", "abc", 3, 4},
		{"much room", "root", "root" + string(make([]byte, 16)), 100, 20},
		{"no room", "root", "", 0, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := newDriver(t, openFile(t, image(t, testSize), true), Options{Serial: test.serial}, 0)
			st, data, used := d.do(kindGetID, 0, nil, test.in)
			require.Equal(t, statusOK, st)
			require.Equal(t, test.used, used)
			require.Equal(t, test.want, string(data[:len(test.want)]))
		})
	}
}

func TestDiscardAndWriteZeroes(t *testing.T) {
	path := image(t, testSize)
	d := newDriver(t, openFile(t, path, false), Options{}, allFeatures)
	d.must(kindDiscard, 0, ranges(segment{sector: 8, sectors: 8}, segment{sector: 64, sectors: 128}, segment{}), 0)
	d.must(kindWriteZeroes, 0, ranges(segment{sector: 300, sectors: 3}), 0)
	d.must(kindWriteZeroes, 0, ranges(segment{sector: 400, sectors: 300, flags: flagUnmap}), 0)
	want := pattern(0, testSize)
	clear(want[8*512 : 16*512])
	clear(want[64*512 : 192*512])
	clear(want[300*512 : 303*512])
	clear(want[400*512 : 700*512])
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, want, got)
	require.EqualValues(t, 136*512, d.dev.Counters()["discarded_bytes"])
	require.EqualValues(t, 303*512, d.dev.Counters()["zeroed_bytes"])
}

// flushCounter counts Flush.
type flushCounter struct {
	Disk
	n int
}

func (f *flushCounter) Flush() error { f.n++; return f.Disk.Flush() }

func TestWriteThrough(t *testing.T) {
	for _, test := range []struct {
		name     string
		features uint64
		want     int
	}{{"driver flushes", allFeatures, 0}, {"driver cannot flush", allFeatures &^ featureFlush, 3}} {
		t.Run(test.name, func(t *testing.T) {
			disk := &flushCounter{Disk: openFile(t, image(t, testSize), false)}
			d := newDriver(t, disk, Options{}, test.features)
			d.must(kindOut, 0, make([]byte, 512), 0)
			d.must(kindDiscard, 0, ranges(segment{sectors: 1}), 0)
			d.must(kindWriteZeroes, 0, ranges(segment{sectors: 1}), 0)
			d.must(kindIn, 0, nil, 512)
			require.Equal(t, test.want, disk.n)
		})
	}
}

func TestConfig(t *testing.T) {
	disk := openFile(t, image(t, testSize), false)
	dev := New(disk, Options{Queues: 4})
	defer dev.Close()
	var c [configSize]byte
	dev.ReadConfig(0, c[:])
	le := binary.LittleEndian
	require.EqualValues(t, testSize/512, le.Uint64(c[0:]))
	require.EqualValues(t, maxSegments, le.Uint32(c[12:]))
	require.EqualValues(t, 4, le.Uint16(c[34:]))
	require.Len(t, dev.QueueSizes(), 4)
	// Any part of it, and beyond its end.
	for off := range uint32(configSize + 10) {
		got := []byte{0xff, 0xff, 0xff}
		dev.ReadConfig(off, got)
		want := make([]byte, 3)
		if off < configSize {
			copy(want, c[off:])
		}
		require.Equal(t, want, got, "offset %d", off)
	}
	got := []byte{1}
	dev.ReadConfig(1<<32-1, got)
	require.Zero(t, got[0])
	dev.WriteConfig(0, []byte{1, 2, 3})
	dev.ReadConfig(0, c[:])
	require.EqualValues(t, testSize/512, le.Uint64(c[0:]))
}

func TestFeatures(t *testing.T) {
	path := image(t, testSize)
	for _, test := range []struct {
		name     string
		readOnly bool
		o        Options
		with     uint64
		without  uint64
	}{
		{"writable", false, Options{}, featureFlush | featureDiscard | featureWriteZeroes | featureSegMax, featureReadOnly | featureMultiQueue},
		{"two queues", false, Options{Queues: 2}, featureMultiQueue, featureReadOnly},
		{"disk is read-only", true, Options{}, featureReadOnly | featureFlush, featureDiscard | featureWriteZeroes},
		{"device is read-only", false, Options{ReadOnly: true}, featureReadOnly, featureDiscard | featureWriteZeroes},
	} {
		t.Run(test.name, func(t *testing.T) {
			dev := New(openFile(t, path, test.readOnly), test.o)
			defer dev.Close()
			require.Equal(t, virtio.IDBlock, dev.ID())
			require.Equal(t, test.with, dev.Features()&test.with)
			require.Zero(t, dev.Features()&test.without)
		})
	}
}

func TestQueueThatIsNotThere(t *testing.T) {
	dev := New(openFile(t, image(t, testSize), false), Options{Queues: 2})
	defer dev.Close()
	require.ErrorContains(t, dev.StartQueue(2, &virtio.Queue{}, 0), "the device has 2")
	dev.StopQueue(2)
	dev.StopQueue(-1)
	dev.StopQueue(0)
}

// TestBrokenQueue: the driver breaks the rules of the queue; others are still served.
func TestBrokenQueue(t *testing.T) {
	dev := New(openFile(t, image(t, testSize), false), Options{Queues: 2})
	defer dev.Close()
	a, err := virtqtest.NewMemory(1 << 20)
	require.NoError(t, err)
	var rings [2]*virtiotest.Ring
	for i := range rings {
		rings[i], err = virtiotest.NewRing(a, 8, virtq.Options{})
		require.NoError(t, err)
		require.NoError(t, dev.StartQueue(i, rings[i].Queue, allFeatures))
	}
	_, err = rings[0].Add(virtqtest.Buffer{Addr: 1 << 40, Len: 16})
	require.NoError(t, err)
	rings[0].Kick()
	var broken *virtq.Error
	require.ErrorAs(t, <-rings[0].Broken, &broken)
	require.Equal(t, virtq.BadAddress, broken.Reason)

	buf, mem, err := a.Buffer(headerSize+1, false)
	require.NoError(t, err)
	mem[0], mem[headerSize] = byte(kindFlush), byte(untouched)
	_, err = rings[1].Add(virtqtest.Buffer{Addr: buf.Addr, Len: headerSize},
		virtqtest.Buffer{Addr: buf.Addr + headerSize, Len: 1, Writable: true})
	require.NoError(t, err)
	rings[1].Kick()
	done, err := rings[1].Wait(testWait)
	require.NoError(t, err)
	require.Len(t, done, 1)
	require.Equal(t, byte(statusOK), mem[headerSize])
	for i := range rings {
		dev.StopQueue(i)
	}
}

func TestShortDisk(t *testing.T) {
	path := image(t, testSize)
	d := newDriver(t, openFile(t, path, false), Options{}, allFeatures)
	require.NoError(t, os.Truncate(path, 4096))
	st, _, used := d.do(kindIn, 7, nil, 1024)
	require.Equal(t, statusError, st)
	require.Zero(t, used)
	require.ErrorIs(t, d.dev.disk.Readv(guestmem.Segments(make([]byte, 1024)), 7*512), io.ErrUnexpectedEOF)
}
