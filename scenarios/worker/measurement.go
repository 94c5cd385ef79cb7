// SPDX-License-Identifier: MIT OR Apache-2.0

package worker

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"arcbox.dev/bench/record"
)

// Ready is what a worker tells of its target once that is prepared.
type Ready struct {
	Labels    []record.Label `json:"labels"`  // as of target.Target
	Version   string         `json:"version"` // as of target.Target
	Scenarios []Described    `json:"scenarios"`
}

// String names what is ready.
func (r Ready) String() string {
	var b strings.Builder
	for _, l := range r.Labels {
		b.WriteString(l.Key + "=" + l.Value + " ")
	}
	return b.String() + "(" + r.Version + ")"
}

// Described is a scenario that the worker knows.
type Described struct {
	Name    string        `json:"name"`
	Version int           `json:"version"`
	Units   []record.Unit `json:"units"`             // its own, and those of the worker's meters
	Refusal string        `json:"refusal,omitempty"` // why it cannot be run on this target; "" if it can
}

// Measurement is what came of one run of a scenario.
type Measurement struct {
	Values []record.Value `json:"values"`
	// CPU is the CPU time, user's and system's, that the worker and all processes
	// below it used meanwhile, as far as they had ended or could be read at its end.
	CPU  time.Duration `json:"cpu-ns"`
	Took time.Duration `json:"took-ns"` // by the scenario alone
}

// scenario returns the description of a scenario that may be sampled.
func (r *Ready) scenario(name string) (Described, error) {
	i := slices.IndexFunc(r.Scenarios, func(d Described) bool { return d.Name == name })
	switch {
	case i < 0:
		return Described{}, fmt.Errorf("there is no scenario %q", name)
	case r.Scenarios[i].Refusal != "":
		return Described{}, fmt.Errorf("scenario %s cannot be run: %s", name, r.Scenarios[i].Refusal)
	}
	return r.Scenarios[i], nil
}

// check tells whether a measurement is one of this scenario.
func (d Described) check(m *Measurement) error {
	if m == nil || len(m.Values) == 0 {
		return errors.New("no value was measured")
	}
	if m.CPU < 0 || m.Took < 0 {
		return fmt.Errorf("impossible times: %v CPU, %v in all", m.CPU, m.Took)
	}
	for i, v := range m.Values {
		if !slices.ContainsFunc(d.Units, func(u record.Unit) bool { return u.Name == v.Unit }) {
			return fmt.Errorf("scenario %s does not describe the unit %q", d.Name, v.Unit)
		}
		if slices.ContainsFunc(m.Values[:i], func(o record.Value) bool { return o.Unit == v.Unit }) {
			return fmt.Errorf("%s was measured twice", v.Unit)
		}
	}
	return nil
}
