// SPDX-License-Identifier: MIT OR Apache-2.0

package chart

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg/draw"
)

// Trend is the course of one figure over the runs.
type Trend struct {
	Label  string
	Points []Point
}

// Point is the figure of one run.
type Point struct {
	Run               int     // its place among the chart's runs, counted from 0
	Median, Low, High float64 // Low and High are its interval's ends
}

// maxRunLabels is how many runs can be named below the axis.
const maxRunLabels = 6

// Trends draws the course of figures over runs, which are named. The axis is what
// they are measured in.
func Trends(axis string, runs []string, trends []Trend) (*Chart, error) {
	p := newPlot("", axis)
	p.Add(guides{horizontal: true})
	low, high := math.Inf(1), math.Inf(-1)
	c := &Chart{plot: p, height: 260}
	for i, t := range trends {
		points := make(plotter.XYs, len(t.Points))
		errors := make(plotter.YErrors, len(t.Points))
		for j, pt := range t.Points {
			if !(pt.Low <= pt.Median && pt.Median <= pt.High) {
				return nil, fmt.Errorf("drawing the course of %s: %v is not from %v to %v", t.Label, pt.Median, pt.Low, pt.High)
			}
			points[j] = plotter.XY{X: float64(pt.Run), Y: pt.Median}
			errors[j].Low, errors[j].High = pt.Median-pt.Low, pt.High-pt.Median
			low, high = min(low, pt.Low), max(high, pt.High)
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return nil, fmt.Errorf("drawing the course of %s: %w", t.Label, err)
		}
		line.Color, line.Width, line.Dashes = colour(i), 1.5, dashes(i)
		dots.Color, dots.Radius, dots.Shape = colour(i), 3, draw.CircleGlyph{}
		bars, err := plotter.NewYErrorBars(struct {
			plotter.XYs
			plotter.YErrors
		}{points, errors})
		if err != nil {
			return nil, fmt.Errorf("drawing the course of %s: %w", t.Label, err)
		}
		bars.Color, bars.Width = colour(i), 1
		p.Add(line, bars, dots)
		c.legend = append(c.legend, t.Label)
	}
	if len(trends) == 0 || len(runs) == 0 {
		return nil, ErrNothing
	}
	scale(&p.Y, low, high)
	p.X.Min, p.X.Max = -0.5, float64(len(runs))-0.5
	p.X.Tick.Marker = runTicks(runs)
	p.X.Tick.Length = 3
	return c, nil
}

// runTicks names as many runs as there is room for, the newest among them.
func runTicks(runs []string) plot.ConstantTicks {
	every := (len(runs) + maxRunLabels - 1) / maxRunLabels
	var out plot.ConstantTicks
	for i, name := range runs {
		label := ""
		if (len(runs)-1-i)%every == 0 {
			label = strings.TrimSpace(name)
		}
		out = append(out, plot.Tick{Value: float64(i), Label: label})
	}
	return out
}
