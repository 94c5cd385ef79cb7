// SPDX-License-Identifier: MIT OR Apache-2.0

// Package plan is what the machine with the nested virtualization is told to do, and
// how it answers: lines on its serial port.
package plan

import "time"

// Path is where the plan lies in the machine.
const Path = "/plan.json"

// Marks at the beginning of a line. What a step writes stands between its Begin and
// its result.
const (
	Begin  = "=== BEGIN " // a step's name follows
	Passed = "=== PASSED "
	Failed = "=== FAILED "
	Done   = "=== DONE" // the plan is at its end, whatever the results
)

// Plan is a list of steps, done one after the other. A step that fails does not keep
// the next from being done.
type Plan struct {
	Env   []string `json:"env"` // of every step, NAME=value
	Steps []Step   `json:"steps"`
}

// Step is one command.
type Step struct {
	Name  string        `json:"name"`
	Args  []string      `json:"args"`
	Dir   string        `json:"dir,omitempty"`
	Env   []string      `json:"env,omitempty"` // besides the plan's
	Limit time.Duration `json:"limit"`         // it is killed after this time
}
