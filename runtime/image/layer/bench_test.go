// SPDX-License-Identifier: MIT OR Apache-2.0

package layer_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/image/layer"
)

// convertInto converts and returns the size of the heap at its end.
func convertInto(b *testing.B, dir string, r io.Reader) uint64 {
	out, err := os.Create(filepath.Join(dir, "image"))
	require.NoError(b, err)
	defer out.Close()
	temporary, err := os.Create(filepath.Join(dir, "temporary"))
	require.NoError(b, err)
	defer temporary.Close()
	end := &atEnd{r: r}
	_, err = layer.Convert(context.Background(), end, out, temporary, layer.Options{Limit: 1 << 40})
	require.NoError(b, err)
	return end.heap
}

// atEnd measures the heap when the archive has been read and its tree is complete.
type atEnd struct {
	r    io.Reader
	heap uint64 // bytes
}

func (a *atEnd) Read(p []byte) (int, error) {
	n, err := a.r.Read(p)
	if err == io.EOF && a.heap == 0 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		a.heap = m.HeapAlloc
	}
	return n, err
}

func BenchmarkConvert(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 4 << 20} {
		const total = 64 << 20
		var items []item
		data := strings.Repeat("some contents\n", size/14+1)[:size]
		for i := range total / size {
			items = append(items, file(fmt.Sprintf("d%d/f%d", i%50, i), data))
		}
		archive := pack(b, items...)
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) {
			dir := b.TempDir()
			b.SetBytes(int64(len(archive)))
			for b.Loop() {
				convertInto(b, dir, bytes.NewReader(archive))
			}
		})
	}
	for _, count := range []int{10_000, 1_000_000} {
		b.Run(fmt.Sprintf("entries=%d", count), func(b *testing.B) {
			dir := b.TempDir()
			var heap uint64
			for b.Loop() {
				heap = convertInto(b, dir, &entries{left: count, name: func(i int) string { return fmt.Sprintf("usr/share/%04d/file-%d", i/1000, i) }})
			}
			b.ReportMetric(float64(heap)/float64(count), "heap-bytes/entry")
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*count), "ns/entry")
		})
	}
}
