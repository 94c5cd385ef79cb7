// SPDX-License-Identifier: MIT OR Apache-2.0

package record

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/perf/benchfmt"
)

// The keys of a Unit line. Tools that do not know floor and slack skip them.
const (
	betterKey = "better"
	floorKey  = "floor"
	slackKey  = "slack"
)

// line formats the unit.
func (u Unit) line() (string, error) {
	if !unit.MatchString(u.Name) || (u.Better != "lower" && u.Better != "higher") || u.Floor < 0 || u.Slack < 0 {
		return "", fmt.Errorf("recording the units: bad unit %+v", u)
	}
	line := "Unit " + u.Name + " " + betterKey + "=" + u.Better
	for _, number := range []struct {
		key   string
		value float64
	}{{floorKey, u.Floor}, {slackKey, u.Slack}} {
		if number.value > 0 {
			line += " " + number.key + "=" + strconv.FormatFloat(number.value, 'f', -1, 64)
		}
	}
	return line + "\n", nil
}

// unitsOf gathers what a file's Unit lines say.
func unitsOf(lines []*benchfmt.UnitMetadata) []Unit {
	units := map[string]Unit{}
	for _, m := range lines {
		u := units[m.OrigUnit]
		u.Name = m.OrigUnit
		switch m.Key {
		case betterKey:
			u.Better = m.Value
		case floorKey:
			u.Floor = positive(m.Value)
		case slackKey:
			u.Slack = positive(m.Value)
		}
		units[u.Name] = u
	}
	return slices.SortedFunc(maps.Values(units), func(a, b Unit) int { return strings.Compare(a.Name, b.Name) })
}

// positive reads a number that is neither negative nor absurd; anything else is 0.
func positive(s string) float64 {
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || !(v > 0 && v < 1e18) {
		return 0
	}
	return v
}
