// SPDX-License-Identifier: MIT OR Apache-2.0

package wheel

import (
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// TestModel does random operations on a wheel and on a map of timers to their times, and compares all results.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		start := rapid.OneOf(rapid.Uint64Range(0, 100), rapid.Uint64(), rapid.Just(uint64(math.MaxUint64-70))).Draw(t, "start")
		m := &model{w: New(start), now: start, at: map[uint32]uint64{}}
		t.Repeat(map[string]func(*rapid.T){
			"grow":      m.grow,
			"set":       m.set,
			"set many":  m.setMany,
			"stop":      m.stop,
			"expire":    m.expire,
			"expire at": m.expireAt,
			"back":      m.back,
			"":          m.check,
		})
	})
}

// A model is what the wheel should hold.
type model struct {
	w    *Wheel
	size int
	now  uint64 // what the wheel was told last, at most
	at   map[uint32]uint64
}

// spans are differences of time, of all sizes and near the edges of levels.
var spans = rapid.OneOf(
	rapid.Uint64Range(0, 200),
	rapid.Uint64Range(0, 300_000),
	rapid.Custom(func(t *rapid.T) uint64 {
		edge := uint64(1) << rapid.IntRange(0, 63).Draw(t, "bit")
		return edge + rapid.Uint64Range(0, 2).Draw(t, "off") - 1
	}),
	rapid.Uint64(),
)

// later returns a time after the present, or the last one there is.
func (m *model) later(span uint64) uint64 {
	if span > math.MaxUint64-m.now {
		return math.MaxUint64
	}
	return m.now + span
}

func (m *model) grow(t *rapid.T) {
	n := rapid.IntRange(0, 5000).Draw(t, "n")
	m.w.Grow(n)
	m.size = max(m.size, n)
}

func (m *model) put(id uint32, at uint64) {
	m.w.Set(id, at)
	m.at[id] = at
}

func (m *model) id(t *rapid.T) (uint32, bool) {
	if m.size == 0 {
		return 0, false
	}
	return rapid.Uint32Range(0, uint32(m.size-1)).Draw(t, "id"), true
}

func (m *model) set(t *rapid.T) {
	id, ok := m.id(t)
	if !ok {
		return
	}
	span := spans.Draw(t, "span")
	if rapid.IntRange(0, 9).Draw(t, "past") == 0 {
		m.put(id, m.now-min(m.now, span))
		return
	}
	m.put(id, m.later(span))
}

func (m *model) setMany(t *rapid.T) {
	stride := spans.Draw(t, "stride")
	at := m.now
	for i := range rapid.IntRange(0, min(m.size, 200)).Draw(t, "n") {
		if at += stride; at < stride {
			return
		}
		m.put(uint32(i), at)
	}
}

func (m *model) stop(t *rapid.T) {
	if id, ok := m.id(t); ok {
		m.w.Stop(id)
		delete(m.at, id)
	}
}

func (m *model) expire(t *rapid.T) { m.advance(t, m.later(spans.Draw(t, "span"))) }

// expireAt goes to just before a timer's time, and then to that; advance looks at what fires.
func (m *model) expireAt(t *rapid.T) {
	id, ok := m.id(t)
	if !ok || m.at[id] <= m.now {
		return
	}
	at := m.at[id]
	m.advance(t, at-1)
	m.advance(t, at)
}

// back tells the wheel a time that is over. It gives out what is due already, and no more.
func (m *model) back(t *rapid.T) { m.advance(t, m.now-min(m.now, spans.Draw(t, "span"))) }

// advance calls Expired, with pieces of room, until there is no more, stopping and setting timers between.
func (m *model) advance(t *rapid.T, now uint64) {
	dst := make([]uint32, rapid.IntRange(1, 50).Draw(t, "room"))
	m.now = max(m.now, now)
	for {
		n := m.w.Expired(now, dst)
		for _, id := range dst[:n] {
			at, armed := m.at[id]
			require.True(t, armed, "fired, but not armed")
			require.LessOrEqual(t, at, m.now, "fired early")
			delete(m.at, id)
		}
		if n < len(dst) {
			break
		}
		if rapid.IntRange(0, 9).Draw(t, "between") == 0 {
			m.stop(t)
			m.set(t)
		}
	}
	for id, at := range m.at {
		require.Greater(t, at, m.now, "timer %d not fired", id)
	}
}

func (m *model) check(t *rapid.T) {
	for id := range uint32(m.size) {
		_, armed := m.at[id]
		if armed != m.w.Armed(id) {
			t.Fatalf("timer %d is armed: %v, want %v", id, !armed, armed)
		}
	}
	at, ok := m.w.Next()
	require.Equal(t, len(m.at) > 0, ok)
	if ok {
		var times []uint64
		for _, at := range m.at {
			times = append(times, max(at, m.now))
		}
		least := slices.Min(times)
		require.LessOrEqual(t, at, least)
		require.GreaterOrEqual(t, at, min(m.w.now, least))
		if least>>digitBits == m.now>>digitBits {
			require.Equal(t, least, at, "Next is exact in the lowest level")
		}
	}
}
