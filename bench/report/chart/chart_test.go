// SPDX-License-Identifier: MIT OR Apache-2.0

package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"image/png"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// drawn is one chart of each kind.
func drawn(t *testing.T) map[string]*Chart {
	t.Helper()
	charts := map[string]*Chart{}
	var err error
	charts["bars"], err = Bars("ms", []string{"kernel", "init"}, []Bar{
		{Label: "one & two", Parts: []float64{10, 30}, Total: "40 ms"},
		{Label: "three", Parts: []float64{0, 80}, Total: "80 ms"},
	})
	require.NoError(t, err)
	charts["distribution"], err = CDF("ready, ms", []Series{{"one", []float64{30, 10, 20}}, {"two", []float64{1000}}})
	require.NoError(t, err)
	charts["course"], err = Trends("ready, ms", []string{"c0ffee1", "c0ffee2"}, []Trend{
		{"one", []Point{{0, 10, 9, 12}, {1, 11, 11, 11}}}, {"two", []Point{{1, 900, 800, 1000}}},
	})
	require.NoError(t, err)
	return charts
}

// texts returns what stands in a picture, which must be XML.
func texts(t *testing.T, svg []byte) []string {
	t.Helper()
	var out []string
	decoder := xml.NewDecoder(bytes.NewReader(svg))
	inText := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return out
		}
		require.NoError(t, err)
		switch tok := token.(type) {
		case xml.StartElement:
			inText = tok.Name.Local == "text"
		case xml.EndElement:
			inText = false
		case xml.CharData:
			if inText {
				out = append(out, string(tok))
			}
		}
	}
}

func TestSVG(t *testing.T) {
	want := map[string][]string{
		"bars":         {"kernel", "init", "one & two", "three", "40 ms", "80 ms", "0", "20", "ms"},
		"distribution": {"one", "two", "ready, ms", "samples, %", "0", "50", "100", "500", "1000"},
		"course":       {"one", "two", "ready, ms", "c0ffee1", "c0ffee2", "10", "100", "1000"},
	}
	for name, c := range drawn(t) {
		var first, second bytes.Buffer
		require.NoError(t, c.WriteSVG(&first))
		require.NoError(t, drawn(t)[name].WriteSVG(&second))
		require.Equal(t, first.String(), second.String(), "%s: the same bytes", name)
		require.Less(t, first.Len(), 16<<10, name)
		require.Subset(t, texts(t, first.Bytes()), want[name], name)
		require.Contains(t, first.String(), "prefers-color-scheme:dark")
		_, body, _ := strings.Cut(first.String(), "</style>")
		for _, c := range regexp.MustCompile(`#[0-9A-Fa-f]{6}`).FindAllString(body, -1) {
			require.Contains(t, []string{"#4C8DD6", "#E08A1E"}, c, "all but the series has the colour of the text around")
		}

		inline, err := c.Inline(`boot: "spans" <b>`)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(inline, `<svg role="img" aria-label="boot: &#34;spans&#34; &lt;b&gt;" viewBox="0 0 480 `), inline[:80])
		require.NotContains(t, inline, "<style")
	}
}

func TestPNG(t *testing.T) {
	for name, c := range drawn(t) {
		var first, second bytes.Buffer
		require.NoError(t, c.WritePNG(&first))
		require.NoError(t, drawn(t)[name].WritePNG(&second))
		require.Equal(t, first.Bytes(), second.Bytes(), "%s: the same bytes", name)
		picture, err := png.Decode(&first)
		require.NoError(t, err)
		require.Equal(t, 960, picture.Bounds().Dx(), "two pixels a point")
	}
}

// TestTextsFit: every text is as wide as the layout took it to be, in any font.
func TestTextsFit(t *testing.T) {
	svg, err := drawn(t)["bars"].svg()
	require.NoError(t, err)
	require.Equal(t, strings.Count(svg, "<text "), strings.Count(svg, `lengthAdjust="spacingAndGlyphs"`))
	fitted := func(shown string) float64 {
		m := regexp.MustCompile(`<text textLength="([0-9.]+)" [^>]*>` + shown + `</text>`).FindStringSubmatch(svg)
		require.NotNil(t, m, shown)
		v, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		return v
	}
	require.InDelta(t, textStyle().Width("one & two").Points(), fitted("one &amp; two"), 0.01)
	require.Greater(t, fitted("one &amp; two"), fitted("three"))
}

// barWidths returns the widths of the rectangles of a colour, but for the legend's.
func barWidths(t *testing.T, svg, colour string) []float64 {
	t.Helper()
	var out []float64
	for _, m := range regexp.MustCompile(`<path d="M([0-9.]+),[0-9.]+L[0-9.]+,[0-9.]+L([0-9.]+),[^"]*" style="fill:`+colour+`"`).FindAllStringSubmatch(svg, -1) {
		from, err := strconv.ParseFloat(m[1], 64)
		require.NoError(t, err)
		to, err := strconv.ParseFloat(m[2], 64)
		require.NoError(t, err)
		if w := to - from; math.Abs(w-swatch) > 0.01 {
			out = append(out, w)
		}
	}
	return out
}

// TestBarsAreToScale: lengths are in the proportion of the numbers.
func TestBarsAreToScale(t *testing.T) {
	svg, err := drawn(t)["bars"].svg()
	require.NoError(t, err)
	kernel, init := barWidths(t, svg, "#4C8DD6"), barWidths(t, svg, "#E08A1E")
	require.Len(t, init, 2)
	require.InDelta(t, 30.0/80, init[1]/init[0], 1e-3, "the first bar is at the top, drawn last")
	require.InDelta(t, 10.0/80, kernel[1]/init[0], 1e-3)
	require.InDelta(t, 0, kernel[0], 1e-9)
}

func TestRefused(t *testing.T) {
	_, err := Bars("ms", nil, nil)
	require.ErrorIs(t, err, ErrNothing)
	_, err = CDF("ms", nil)
	require.ErrorIs(t, err, ErrNothing)
	_, err = CDF("ms", []Series{{"one", nil}})
	require.ErrorIs(t, err, ErrNothing)
	_, err = CDF("ms", []Series{{"one", []float64{math.Inf(1)}}})
	require.ErrorContains(t, err, "drawing the distribution of one")
	_, err = Trends("ms", nil, nil)
	require.ErrorIs(t, err, ErrNothing)
	_, err = Trends("ms", []string{"c"}, []Trend{{"one", []Point{{0, math.NaN(), 0, 0}}}})
	require.ErrorContains(t, err, "drawing the course of one")
	_, err = Trends("ms", []string{"c"}, []Trend{{"one", []Point{{0, 5, 6, 7}}}})
	require.EqualError(t, err, "drawing the course of one: 5 is not from 6 to 7")
	_, err = Bars("ms", []string{"a"}, []Bar{{Label: "one", Parts: []float64{-1}}})
	require.EqualError(t, err, "drawing the bars: a of one is missing or negative")
	_, err = Bars("ms", []string{"a", "b"}, []Bar{{Label: "one", Parts: []float64{1}}})
	require.ErrorContains(t, err, "is missing")
	_, err = Bars("ms", []string{"a"}, []Bar{{Label: "one", Parts: []float64{math.NaN()}}})
	require.ErrorContains(t, err, "drawing the bars")
}

// TestManySeries: colours come again, with dashes, and the legend takes more lines.
func TestManySeries(t *testing.T) {
	var series []Series
	for i := range 20 {
		series = append(series, Series{"a system with a long name " + strconv.Itoa(i), []float64{float64(i), float64(i + 1)}})
	}
	c, err := CDF("ms", series)
	require.NoError(t, err)
	var svg bytes.Buffer
	require.NoError(t, c.WriteSVG(&svg))
	require.Contains(t, texts(t, svg.Bytes()), "a system with a long name 19")
	require.Contains(t, svg.String(), "stroke-dasharray")
	require.Greater(t, c.legend.height().Points(), 9*lineHeight)
}

// FuzzCharts draws whatever numbers a results file may hold.
func FuzzCharts(f *testing.F) {
	f.Add(1.0, 2.0, 3.0)
	f.Add(0.0, 0.0, 0.0)
	f.Add(-1.0, 1e-320, 1e308)
	f.Add(1e17, 1e17+16, 1e17+32)
	f.Add(math.Inf(1), math.NaN(), 1.0)
	f.Add(5e-324, 4e-323, 1e300)
	f.Add(2.0, 1.0, 30.0)
	f.Fuzz(func(t *testing.T, a, b, c float64) {
		values := []float64{a, b, c}
		bars, barsErr := Bars("ms", []string{"x", "y"}, []Bar{{Label: "one", Parts: values[:2]}, {Label: "two", Parts: values[1:]}})
		cdf, cdfErr := CDF("ms", []Series{{"one", values}, {"two", values[1:]}})
		trend, trendErr := Trends("ms", []string{"c"}, []Trend{{"one", []Point{{0, b, a, c}}}})
		for chart, err := range map[*Chart]error{bars: barsErr, cdf: cdfErr, trend: trendErr} {
			if (chart == nil) != (err != nil) {
				t.Fatalf("a chart and an error, or neither: %v", err)
			}
			if chart != nil {
				if _, err := chart.svg(); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
