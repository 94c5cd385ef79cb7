// SPDX-License-Identifier: MIT OR Apache-2.0

package chart

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot/plotter"
)

// Series is a set of values under one name.
type Series struct {
	Label  string
	Values []float64
}

// CDF draws the empirical distribution of each series: at each value the share of
// the series' values that are not above it. The axis is what they are measured in.
func CDF(axis string, series []Series) (*Chart, error) {
	p := newPlot(axis, "samples, %")
	p.Add(guides{}, guides{horizontal: true})
	low, high := math.Inf(1), math.Inf(-1)
	c := &Chart{plot: p, height: 240}
	for i, s := range series {
		if len(s.Values) == 0 {
			return nil, fmt.Errorf("drawing the distribution of %s: %w", s.Label, ErrNothing)
		}
		line, err := plotter.NewLine(steps(s.Values))
		if err != nil {
			return nil, fmt.Errorf("drawing the distribution of %s: %w", s.Label, err)
		}
		line.Color, line.Width, line.Dashes = colour(i), 2, dashes(i)
		p.Add(line)
		low, high = min(low, slices.Min(s.Values)), max(high, slices.Max(s.Values))
		c.legend = append(c.legend, s.Label)
	}
	if len(series) == 0 {
		return nil, ErrNothing
	}
	scale(&p.X, low, high)
	p.Y.Min, p.Y.Max, p.Y.Tick.Marker = 0, 100, ticks{count: 4}
	return c, nil
}

// steps returns the corners of the distribution's staircase, in percent.
func steps(values []float64) plotter.XYs {
	sorted := slices.Sorted(slices.Values(values))
	out := make(plotter.XYs, 0, 2*len(sorted))
	for i, v := range sorted {
		out = append(out,
			plotter.XY{X: v, Y: 100 * float64(i) / float64(len(sorted))},
			plotter.XY{X: v, Y: 100 * float64(i+1) / float64(len(sorted))})
	}
	return out
}
