// SPDX-License-Identifier: MIT OR Apache-2.0

// Package chart draws what the lab has measured: bars made of parts, distributions
// and courses over time. It knows numbers and words, and nothing of benchmarks.
//
// A chart is drawn by gonum.org/v1/plot, as SVG or PNG; the same numbers give the
// same bytes. In SVG the text and the axes have the colour of the text around it,
// so that the picture is readable on light and on dark ground.
package chart

import (
	"bytes"
	"errors"
	"fmt"
	"html"
	"image/color"
	"io"
	"regexp"
	"strings"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/text"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// ErrNothing: a chart was asked of no values.
var ErrNothing = errors.New("nothing to draw")

// width of all charts; a page scales them, and at this one they can still be read on
// a phone.
const width vg.Length = 480

// margin around all that is drawn, in points.
const margin = 8

// fontSize of all text, in points.
const fontSize = 12

// ink is the colour of text and axes.
var ink = color.RGBA{R: 0x1f, G: 0x29, B: 0x37, A: 0xff}

// faint is that of lines that only guide the eye.
var faint = color.RGBA{R: 0xdd, G: 0xe1, B: 0xe6, A: 0xff}

// colours of the series: middle tones, that stand out on light and dark ground.
var colours = []color.Color{
	color.RGBA{R: 0x4c, G: 0x8d, B: 0xd6, A: 0xff},
	color.RGBA{R: 0xe0, G: 0x8a, B: 0x1e, A: 0xff},
	color.RGBA{R: 0x2f, G: 0xa3, B: 0x6b, A: 0xff},
	color.RGBA{R: 0xd6, G: 0x5a, B: 0x5a, A: 0xff},
	color.RGBA{R: 0x9a, G: 0x78, B: 0xd0, A: 0xff},
	color.RGBA{R: 0x2b, G: 0xa8, B: 0xb8, A: 0xff},
	color.RGBA{R: 0xb0, G: 0x89, B: 0x2f, A: 0xff},
	color.RGBA{R: 0xd2, G: 0x77, B: 0xa8, A: 0xff},
}

func colour(i int) color.Color { return colours[i%len(colours)] }

// dashes distinguish the lines that share a colour.
func dashes(i int) []vg.Length {
	if i < len(colours) {
		return nil
	}
	return []vg.Length{vg.Length(2 + i/len(colours)*2), 2}
}

// Chart is a picture that can be written.
type Chart struct {
	plot   *plot.Plot
	legend legend
	height vg.Length // of the plot alone
}

// textStyle is that of all text.
func textStyle() text.Style {
	return text.Style{
		Color:   ink,
		Font:    font.Font{Typeface: "Liberation", Variant: "Sans", Size: fontSize},
		Handler: plot.DefaultTextHandler,
	}
}

// newPlot returns an empty plot in our style.
func newPlot(x, y string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = nil
	for axis, name := range map[*plot.Axis]string{&p.X: x, &p.Y: y} {
		axis.Label.Text = name
		axis.Color, axis.Tick.Color = ink, ink
		for _, style := range []*text.Style{&axis.Label.TextStyle, &axis.Tick.Label} {
			style.Color, style.Font = ink, textStyle().Font
		}
	}
	return p
}

// draw draws the whole: the legend above the plot.
func (c *Chart) draw(canvas vg.CanvasSizer) {
	inner := draw.Crop(draw.New(canvas), margin, -margin, margin, -margin)
	c.legend.draw(inner)
	inner.Max.Y -= c.legend.height()
	c.plot.Draw(inner)
}

func (c *Chart) size() (w, h vg.Length) { return width, c.height + c.legend.height() + 2*margin }

// WritePNG writes the picture on white ground.
func (c *Chart) WritePNG(w io.Writer) error {
	wide, high := c.size()
	canvas := vgimg.NewWith(vgimg.UseWH(wide, high), vgimg.UseDPI(144))
	c.draw(canvas)
	if _, err := (vgimg.PngCanvas{Canvas: canvas}).WriteTo(w); err != nil {
		return fmt.Errorf("writing a PNG picture: %w", err)
	}
	return nil
}

// ground is the style sheet of a picture that stands alone: it asks the viewer for
// day or night, and brings its own ground, as the page around may be of the other.
const ground = "<style>svg{color:#1f2937;background:#fff}@media(prefers-color-scheme:dark){svg{color:#e5e7eb;background:#1a1f26}}</style>\n"

// WriteSVG writes a picture that stands alone.
func (c *Chart) WriteSVG(w io.Writer) error {
	picture, err := c.svg()
	if err != nil {
		return err
	}
	wide, high := c.size()
	head, rest, _ := strings.Cut(strings.TrimPrefix(picture, "<svg "), ">\n")
	if _, err := fmt.Fprintf(w, "<svg width=\"%.5g\" height=\"%.5g\" %s>\n%s%s", wide.Points(), high.Points(), head, ground, rest); err != nil {
		return fmt.Errorf("writing an SVG picture: %w", err)
	}
	return nil
}

// Inline returns the picture as an element of an HTML page. Its text and axes have
// the colour of the page's text. The label says to those who do not see it what it is.
func (c *Chart) Inline(label string) (string, error) {
	picture, err := c.svg()
	if err != nil {
		return "", err
	}
	return strings.Replace(picture, "<svg ", `<svg role="img" aria-label="`+html.EscapeString(label)+`" `, 1), nil
}

// svg returns the element alone: no prologue, no size of its own but the view box,
// and ink and faint lines in the colour of the text around it.
func (c *Chart) svg() (string, error) {
	wide, high := c.size()
	canvas := vgsvg.New(wide, high)
	c.draw(canvas)
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return "", fmt.Errorf("drawing an SVG picture: %w", err)
	}
	_, rest, found := strings.Cut(b.String(), "viewBox=")
	if !found {
		return "", errors.New("drawing an SVG picture: it has no view box")
	}
	return fitTexts(strings.NewReplacer(
		"#1F2937", "currentColor",
		"stroke:#DDE1E6", "stroke:currentColor;stroke-opacity:0.15",
		"font-family:Liberation Sans;font-variant:normal;font-weight:normal;font-style:normal", "font-family:Liberation Sans,Arial,Helvetica,sans-serif",
		"\n\txmlns:xlink=\"http://www.w3.org/1999/xlink\"", "",
		"\n\t", " ",
	).Replace("<svg viewBox=" + rest)), nil
}

var textElement = regexp.MustCompile(`<text (.*?)>(.*?)</text>`)

// fitTexts gives each text the width that the layout has reckoned with, whatever font
// the viewer has for it.
func fitTexts(picture string) string {
	style := textStyle()
	return textElement.ReplaceAllStringFunc(picture, func(element string) string {
		parts := textElement.FindStringSubmatch(element)
		wide := style.Width(html.UnescapeString(parts[2])).Points()
		return fmt.Sprintf(`<text textLength="%.5g" lengthAdjust="spacingAndGlyphs" %s>%s</text>`, wide, parts[1], parts[2])
	})
}
