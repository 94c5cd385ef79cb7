// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build pooldebug

package pool

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
)

// Debug says whether this build checks ownership (tag pooldebug).
const Debug = true

// poison fills free buffers: an odd byte that is no version of IP.
const poison = 0xdb

// stamp is the generation of a slot that a handle was made for.
type stamp uint32

// guard watches a slot. Its generation goes up with each get and each put, and is
// odd while the slot has an owner.
type guard struct {
	mu         sync.Mutex
	generation stamp
	putters    [12]uintptr // who put it last: program counters, innermost first
	depth      int         // of putters
}

func (g *guard) init(s *slot) { g.fill(s) }

func (g *guard) fill(s *slot) {
	if s.pool.config.Shared {
		return
	}
	for i := range s.mem {
		s.mem[i] = poison
	}
}

// get is called by a slot's new owner.
func (g *guard) get(s *slot) stamp {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.generation++
	if !s.pool.config.Shared {
		for i, v := range s.mem {
			if v != poison {
				panic(fmt.Sprintf("pool: byte %d of buffer %d was written while it was free; %s", i, s.index, g.who()))
			}
		}
	}
	return g.generation
}

// check panics unless the handle is its owner's.
func (g *guard) check(s *slot, h stamp) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.must(s, h, "use")
}

// put is called by an owner who gives its slot back, before that is free.
func (g *guard) put(s *slot, h stamp) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.must(s, h, "put")
	g.depth = runtime.Callers(2, g.putters[:])
	g.generation++
	g.fill(s)
}

func (g *guard) must(s *slot, h stamp, action string) {
	if h != g.generation {
		panic(fmt.Sprintf("pool: %s of buffer %d after it was put; %s", action, s.index, g.who()))
	}
}

// who says who put the slot last.
func (g *guard) who() string {
	if g.depth == 0 {
		return "nobody has put it yet"
	}
	var b strings.Builder
	b.WriteString("last put by:")
	for frames, more := runtime.CallersFrames(g.putters[:g.depth]), true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		fmt.Fprintf(&b, "\n\t%s %s:%d", f.Function, f.File, f.Line)
	}
	return b.String()
}
