// SPDX-License-Identifier: MIT OR Apache-2.0

package vhostuser

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(newLimiter(slog.NewTextHandler(&out, nil))).With("device", 7).WithGroup("g")
		lines := func() int { return strings.Count(out.String(), "\n") }
		for range 1000 {
			log.Warn("flood")
		}
		require.Equal(t, limitBurst, lines())
		time.Sleep(limitEvery)
		log.Warn("later")
		log.Warn("too soon")
		require.Equal(t, limitBurst+1, lines())
		require.Contains(t, out.String(), "later device=7 g.dropped=990")
		time.Sleep(1000 * limitEvery)
		for range 1000 {
			log.Warn("another flood")
		}
		require.Equal(t, 2*limitBurst+1, lines(), "records saved up while it was silent")
		require.Contains(t, out.String(), "g.dropped=1\n")
	})
}
