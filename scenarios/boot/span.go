// SPDX-License-Identifier: MIT OR Apache-2.0

package boot

import (
	"fmt"
	"time"

	"arcbox.dev/bench/record"
	"arcbox.dev/runtime/events"
	"arcbox.dev/scenarios/target"
)

// span is a moment that is reported, as time since the request; events.Stop is
// counted from the request to stop.
type span struct {
	name  string        // of its mark
	floor float64       // the smallest relative change that matters
	slack time.Duration // the smallest absolute change that matters
}

// On a boot of 35 ms, 5 % are 1.8 ms: more than the scheduler's noise, less than a
// user would miss. Up to the kernel's first byte little more happens than the start
// of two processes on the host, which varies by 10 % in a quiet run; a change there
// that matters is seen in agent_ready too. So it is with the stop, the end of those.
var (
	agentReady = span{events.AgentReady, 0.05, 500 * time.Microsecond}
	vmmUp      = span{events.VMMUp, 0.10, time.Millisecond}
	kernel     = span{events.Kernel, 0.10, time.Millisecond}
	initial    = span{events.Init, 0.05, 500 * time.Microsecond}
	firstExec  = span{events.FirstExec, 0.05, 500 * time.Microsecond}
	stop       = span{events.Stop, 0.10, 500 * time.Microsecond}
)

// A resumed guest had its kernel's and its agent's start before the snapshot.
var (
	coldSpans = []span{agentReady, vmmUp, kernel, initial, firstExec, stop}
	hotSpans  = []span{agentReady, vmmUp, firstExec, stop}
)

// units returns one unit a span, and those of counts.
func units(spans []span) []record.Unit {
	var out []record.Unit
	for _, s := range spans {
		out = append(out, record.Unit{Name: s.unit(), Better: "lower", Floor: s.floor, Slack: float64(s.slack)})
	}
	return append(out, target.CountUnits()...)
}

func (s span) unit() string { return s.name + "-ns" }

// valuesOf turns marks into values, in the order of the spans.
func valuesOf(spans []span, marks []events.Mark, stopped time.Duration) ([]record.Value, error) {
	at := map[string]time.Duration{}
	for _, m := range events.Since(marks, events.Request) {
		at[m.Name] = m.At
	}
	at[events.Stop] = stopped
	if _, ok := at[events.AgentReady]; !ok {
		return nil, fmt.Errorf("the target did not mark %s", events.AgentReady)
	}
	var values []record.Value
	for _, s := range spans {
		if d, ok := at[s.name]; ok {
			values = append(values, record.Value{Value: float64(d), Unit: s.unit()})
		}
	}
	return values, nil
}
