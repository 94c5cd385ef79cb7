// SPDX-License-Identifier: MIT OR Apache-2.0

package chart

import (
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// legend names the series, in lines above the plot: there it covers nothing.
type legend []string

// Sizes in a legend, in points.
const (
	lineHeight = fontSize * 1.5
	swatch     = fontSize * 0.8
	gap        = fontSize
)

// place is where an entry stands: from the left, and in which line.
type place struct {
	x    vg.Length
	line int
}

func (l legend) places() []place {
	style := textStyle()
	out := make([]place, len(l))
	var next place
	for i, name := range l {
		wide := swatch + gap/2 + style.Width(name) + gap
		if next.x > 0 && next.x+wide > width-2*margin {
			next = place{line: next.line + 1}
		}
		out[i] = next
		next.x += wide
	}
	return out
}

func (l legend) height() vg.Length {
	if len(l) == 0 {
		return 0
	}
	return vg.Length(l.places()[len(l)-1].line+1)*lineHeight + gap/2
}

func (l legend) draw(c draw.Canvas) {
	style := textStyle()
	for i, p := range l.places() {
		x, y := c.Min.X+p.x, c.Max.Y-vg.Length(p.line+1)*lineHeight
		c.FillPolygon(colour(i), []vg.Point{{X: x, Y: y}, {X: x, Y: y + swatch}, {X: x + swatch, Y: y + swatch}, {X: x + swatch, Y: y}})
		if d := dashes(i); d != nil {
			c.StrokeLine2(draw.LineStyle{Color: ink, Width: 2, Dashes: d}, x, y+swatch/2, x+swatch, y+swatch/2)
		}
		c.FillText(style, vg.Point{X: x + swatch + gap/2, Y: y}, l[i])
	}
}
