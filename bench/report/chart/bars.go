// SPDX-License-Identifier: MIT OR Apache-2.0

package chart

import (
	"fmt"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bar is one bar made of parts.
type Bar struct {
	Label string
	Parts []float64 // not negative, one for each of the chart's parts
	Total string    // shown behind the bar
}

// Sizes of bars, in points.
const (
	barWidth  = 18
	barHeight = 30 // with the space between
)

// Bars draws bars side by side, the first at the top. The axis is what the parts are
// measured in.
func Bars(axis string, parts []string, bars []Bar) (*Chart, error) {
	if len(bars) == 0 || len(parts) == 0 {
		return nil, ErrNothing
	}
	bars = slices.Clone(bars)
	slices.Reverse(bars) // the axis counts from below
	p := newPlot(axis, "")
	p.Add(guides{})
	var below *plotter.BarChart
	ends := make(plotter.XYs, len(bars))
	names, totals := make([]string, len(bars)), make([]string, len(bars))
	for k, part := range parts {
		values := make(plotter.Values, len(bars))
		for i, b := range bars {
			if len(b.Parts) != len(parts) || b.Parts[k] < 0 {
				return nil, fmt.Errorf("drawing the bars: %s of %s is missing or negative", part, b.Label)
			}
			values[i] = b.Parts[k]
			ends[i].X += b.Parts[k]
		}
		layer, err := plotter.NewBarChart(values, barWidth)
		if err != nil {
			return nil, fmt.Errorf("drawing the bars: %w", err)
		}
		layer.Horizontal, layer.Color, layer.LineStyle.Width = true, colour(k), 0
		if below != nil {
			layer.StackOn(below)
		}
		below = layer
		p.Add(layer)
	}
	for i, b := range bars {
		names[i], totals[i], ends[i].Y = b.Label, b.Total, float64(i)
	}
	labels, err := plotter.NewLabels(plotter.XYLabels{XYs: ends, Labels: totals})
	if err != nil {
		return nil, fmt.Errorf("drawing the bars: %w", err)
	}
	for i := range labels.TextStyle {
		labels.TextStyle[i] = textStyle()
		labels.TextStyle[i].YAlign = draw.YCenter
	}
	labels.Offset = vg.Point{X: 5, Y: 2}
	p.Add(labels)
	p.NominalY(names...)
	p.X.Min = 0
	p.Y.Min, p.Y.Max = -0.5, float64(len(bars))-0.5
	p.X.Tick.Marker = ticks{count: 5}
	return &Chart{plot: p, legend: parts, height: vg.Length(len(bars))*barHeight + 44}, nil
}

// guides are faint lines at the ticks of the axis of values.
type guides struct{ horizontal bool }

func (g guides) Plot(c draw.Canvas, p *plot.Plot) {
	x, y := p.Transforms(&c)
	style := draw.LineStyle{Color: faint, Width: 0.75}
	axis := p.X
	if g.horizontal {
		axis = p.Y
	}
	for _, t := range axis.Tick.Marker.Ticks(axis.Min, axis.Max) {
		switch {
		case t.IsMinor():
		case g.horizontal:
			c.StrokeLine2(style, c.Min.X, y(t.Value), c.Max.X, y(t.Value))
		default:
			c.StrokeLine2(style, x(t.Value), c.Min.Y, x(t.Value), c.Max.Y)
		}
	}
}
