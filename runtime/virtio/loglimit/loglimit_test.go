// SPDX-License-Identifier: MIT OR Apache-2.0

package loglimit

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/virtio"
)

func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := New(slog.New(slog.NewTextHandler(&out, nil)), virtio.IDBlock).With("device", 7).WithGroup("g")
		lines := func() int { return strings.Count(out.String(), "\n") }
		for range 1000 {
			log.Warn("flood")
		}
		require.Equal(t, Burst, lines())
		require.NotContains(t, out.String(), "dropped")
		time.Sleep(Every)
		log.Warn("later")
		log.Warn("too soon")
		require.Equal(t, Burst+1, lines())
		require.Contains(t, out.String(), "later virtio_id=2 device=7 g.dropped=990")
		time.Sleep(1000 * Every)
		for range 1000 {
			log.Warn("another flood")
		}
		require.Equal(t, 2*Burst+1, lines(), "records saved up while it was silent")
		require.Contains(t, out.String(), "g.dropped=1\n")
	})
}

func TestNoLog(t *testing.T) {
	New(nil, virtio.IDBlock).Warn("nobody hears this")
}
