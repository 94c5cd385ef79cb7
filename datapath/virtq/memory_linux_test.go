// SPDX-License-Identifier: MIT OR Apache-2.0

package virtq_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"arcbox.dev/datapath/guestmem"
	"arcbox.dev/datapath/virtq"
	"arcbox.dev/datapath/virtq/virtqtest"
)

// TestTooLarge: a chain may be of 2^32 bytes (virtio 1.2 §2.7.5.2), not of one more.
func TestTooLarge(t *testing.T) {
	const half = 1 << 31
	f, err := guestmem.Create("arcbox-test", half)
	require.NoError(t, err)
	defer f.Close()
	big, err := guestmem.MapFile(int(f.Fd()), 0, half)
	require.NoError(t, err)
	defer func() { require.NoError(t, guestmem.Unmap(big)) }()
	m := make(image, imageSize)
	mem, err := guestmem.New(guestmem.Region{Addr: imageBase, Mem: m}, guestmem.Region{Addr: 1 << 32, Mem: big})
	require.NoError(t, err)
	for _, tt := range []struct {
		name string
		last uint32
		want virtq.Reason
	}{{"2^32", 0, 0}, {"a byte more", 1, virtq.TooLarge}} {
		t.Run(tt.name, func(t *testing.T) {
			q, err := virtq.New(mem, imageLayout, virtq.Options{})
			require.NoError(t, err)
			m.desc(0, 1<<32, half, fNext, 1)
			m.desc(1, 1<<32, half, fNext, 2)
			m.desc(2, bufferAddr, tt.last, 0, 0)
			m.avail(0)
			chains := make([]virtq.Chain, 1)
			n, err := q.Pop(chains)
			if tt.want != 0 {
				requireBroken(t, q, tt.want, n, err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, uint64(1<<32), chains[0].ReadableLen())
		})
	}
}

// TestMemoryTakenAway: the owner of the memory cuts its file while the device is at
// work. Under Guard that is an error, wherever it happens.
func TestMemoryTakenAway(t *testing.T) {
	fd, err := unix.MemfdCreate("arcbox-test", unix.MFD_CLOEXEC)
	require.NoError(t, err)
	defer unix.Close(fd)
	const size = 1 << 20
	require.NoError(t, unix.Ftruncate(fd, size))
	mem, err := guestmem.MapFile(fd, 0, size)
	require.NoError(t, err)
	defer func() { require.NoError(t, guestmem.Unmap(mem)) }()
	m, err := guestmem.New(guestmem.Region{Addr: 0, Mem: mem})
	require.NoError(t, err)
	arena, err := virtqtest.NewArena(m, 0, size)
	require.NoError(t, err)
	d, q, err := virtqtest.NewPair(arena, 16, virtqtest.Options{Options: virtq.Options{EventIdx: true}})
	require.NoError(t, err)
	buf, _, err := arena.Buffer(64, true)
	require.NoError(t, err)
	chains := make([]virtq.Chain, 4)
	_, err = d.Add(buf)
	require.NoError(t, err)
	d.Publish()
	n, err := q.Pop(chains)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	require.NoError(t, unix.Ftruncate(fd, 0))
	for name, f := range map[string]func(){
		"Pop":          func() { _, _ = q.Pop(chains) },
		"buffer":       func() { clear(chains[0].Writable()[0].Bytes()) },
		"Push":         func() { q.Push(chains[0].Head, 64) },
		"Publish":      func() { q.Push(chains[0].Head, 64); q.Publish() },
		"EnableKicks":  func() { q.EnableKicks() },
		"Pending":      func() { q.Pending() },
		"UsedIndex":    func() { q.UsedIndex() },
		"DisableKicks": func() { q.DisableKicks(); q.Pending() },
	} {
		require.ErrorAs(t, guestmem.Guard(f), new(*guestmem.FaultError), name)
	}
}

// TestDriverChangesAllMeanwhile: all of the queue and its tables change while the
// device reads them. Whatever it returns is inside memory, or an error.
func TestDriverChangesAllMeanwhile(t *testing.T) {
	f, err := guestmem.Create("arcbox-test", imageSize)
	require.NoError(t, err)
	defer f.Close()
	// Both sides map the file: to the race detector as to the processor, the driver
	// is another process.
	driver, err := guestmem.MapFile(int(f.Fd()), 0, imageSize)
	require.NoError(t, err)
	defer func() { require.NoError(t, guestmem.Unmap(driver)) }()
	device, err := guestmem.MapFile(int(f.Fd()), 0, imageSize)
	require.NoError(t, err)
	defer func() { require.NoError(t, guestmem.Unmap(device)) }()
	mem, err := image(device).memory()
	require.NoError(t, err)

	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		rnd := rand.New(rand.NewPCG(1, 2))
		images := make([]image, len(hostiles))
		for i, h := range hostiles {
			images[i] = make(image, imageSize)
			h.build(images[i])
		}
		for !stop.Load() {
			from := images[rnd.IntN(len(images))]
			switch at := rnd.IntN(imageSize); rnd.IntN(3) {
			case 0:
				copy(driver, from)
			case 1:
				copy(driver[at:], from[at:min(imageSize, at+16)])
			case 2:
				driver[at&0xff]++
			}
		}
	})
	chains := make([]virtq.Chain, imageQueue)
	popped, broken := 0, 0
	for end := time.Now().Add(300 * time.Millisecond); time.Now().Before(end) || popped == 0 || broken == 0; {
		q, err := virtq.New(mem, imageLayout, virtq.Options{Indirect: true, EventIdx: popped%2 == 0})
		require.NoError(t, err)
		for range 20 {
			n, err := q.Pop(chains)
			if err != nil {
				broken++
				break
			}
			for _, c := range chains[:n] {
				places(t, device, c.Readable())
				places(t, device, c.Writable())
				q.Push(c.Head, 0)
			}
			popped += n
			q.Publish()
			q.EnableKicks()
		}
	}
	stop.Store(true)
	wg.Wait()
	t.Logf("%d chains, %d broken queues", popped, broken)
}
