// SPDX-License-Identifier: MIT OR Apache-2.0

package diff

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"golang.org/x/perf/benchunit"
)

// hidden are sample types that tell little beside the others of their profile.
var hidden = []string{"samples", "contentions", "inuse_objects", "inuse_space"}

// shown leaves the hidden types out, where that leaves any.
func shown[T any](all []T, typeOf func(T) string) []T {
	some := slices.DeleteFunc(slices.Clone(all), func(t T) bool { return slices.Contains(hidden, typeOf(t)) })
	if len(some) == 0 {
		return all
	}
	return some
}

// WriteDiff writes differences for a person, each with the most functions that
// changed the most.
func WriteDiff(w io.Writer, title string, differences []Difference, most int) error {
	for _, d := range shown(differences, func(d Difference) string { return d.Type }) {
		if err := d.write(w, title, most); err != nil {
			return err
		}
	}
	return nil
}

func (d Difference) write(w io.Writer, title string, most int) error {
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s: %s → %s a run (%s%s), of %d and %d runs\n", title, d.Type,
		format(d.Total.Before, d.Unit), format(d.Total.After, d.Unit), signed(d.Total.Change(), d.Unit), hint(d.Chance), d.RunsBefore, d.RunsAfter)
	if len(d.Path) > 0 && !d.Chance {
		fmt.Fprintf(&text, "most of it in %s\n", chain(d.Path))
	}
	rows := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(rows, "share\tflat\tbefore\tafter\tcumulative\t\t  function\n")
	for _, c := range d.Changes[:min(most, len(d.Changes))] {
		fmt.Fprintf(rows, "%+.0f %%\t%s\t%s\t%s\t%s\t%s\t  %s\n", 100*c.Share, signed(c.Flat.Change(), d.Unit),
			format(c.Flat.Before, d.Unit), format(c.Flat.After, d.Unit), signed(c.Cum.Change(), d.Unit), strings.TrimSpace(hint(c.Chance)), c.Function)
	}
	rows.Flush() // a strings.Builder takes all
	fmt.Fprintln(&text)
	_, err := io.WriteString(w, text.String())
	return err
}

// hint marks what may be chance.
func hint(chance bool) string {
	if chance {
		return " ~"
	}
	return ""
}

// chain shows the innermost of nested calls.
func chain(path []string) string {
	const most = 5
	if len(path) > most {
		path = append([]string{"…"}, path[len(path)-most:]...)
	}
	return strings.Join(path, " > ")
}

// WriteTop writes costs for a person, each with the most functions that cost the most.
func WriteTop(w io.Writer, title string, costs []Costs, most int) error {
	for _, c := range shown(costs, func(c Costs) string { return c.Type }) {
		if err := c.write(w, title, most); err != nil {
			return err
		}
	}
	return nil
}

func (c Costs) write(w io.Writer, title string, most int) error {
	names := make([]string, 0, len(c.Functions))
	for name := range c.Functions {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		x, y := c.Functions[a], c.Functions[b]
		return cmp.Or(cmp.Compare(math.Abs(y.Flat), math.Abs(x.Flat)), cmp.Compare(math.Abs(y.Cum), math.Abs(x.Cum)), cmp.Compare(a, b))
	})
	var text strings.Builder
	fmt.Fprintf(&text, "%s, %s: %s a run, of %d runs\n", title, c.Type, format(c.Total, c.Unit), c.Runs)
	rows := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(rows, "flat\t\tcumulative\t\t  function\n")
	for _, name := range names[:min(most, len(names))] {
		f := c.Functions[name]
		fmt.Fprintf(rows, "%s\t%s\t%s\t%s\t  %s\n", format(f.Flat, c.Unit), c.percent(f.Flat), format(f.Cum, c.Unit), c.percent(f.Cum), name)
	}
	rows.Flush() // a strings.Builder takes all
	fmt.Fprintln(&text)
	_, err := io.WriteString(w, text.String())
	return err
}

func (c Costs) percent(v float64) string {
	if c.Total == 0 {
		return ""
	}
	return fmt.Sprintf("%.0f %%", 100*v/c.Total)
}

// format shows a value with its unit: "1.234ms", "5.000KiB".
func format(v float64, unit string) string {
	if v == 0 {
		return "0"
	}
	switch unit {
	case "nanoseconds":
		return benchunit.Scale(v/1e9, benchunit.Decimal) + "s"
	case "bytes":
		return benchunit.Scale(v, benchunit.Binary) + "B"
	case "count":
		if math.Abs(v) < 10 { // of a run on average
			return fmt.Sprintf("%.2f", v)
		}
		return benchunit.Scale(v, benchunit.Decimal)
	}
	return benchunit.Scale(v, benchunit.Decimal) + " " + unit
}

// signed is format with a sign.
func signed(v float64, unit string) string {
	if v > 0 {
		return "+" + format(v, unit)
	}
	return format(v, unit)
}
