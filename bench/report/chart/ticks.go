// SPDX-License-Identifier: MIT OR Apache-2.0

package chart

import (
	"math"
	"strconv"

	"gonum.org/v1/plot"
)

// ticks marks an axis at 1, 2 and 5 times the powers of ten.
type ticks struct{ count int } // about how many

func (t ticks) Ticks(low, high float64) []plot.Tick {
	step := niceStep((high - low) / float64(t.count))
	var out []plot.Tick
	first := math.Ceil(low / step)
	for i := range 2*t.count + 1 { // as steps are not below a count-th, these are enough
		if v := (first + float64(i)) * step; v <= high+step*1e-9 {
			out = append(out, tick(v))
		}
	}
	return out
}

// niceStep returns the least of 1, 2, 5 times a power of ten that is not below x.
func niceStep(x float64) float64 {
	if !(x > 0) || math.IsInf(x, 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// logTicks does so for a logarithmic axis.
type logTicks struct{}

func (logTicks) Ticks(low, high float64) []plot.Tick {
	multiples := []float64{1, 2, 5}
	if high/low > 200 {
		multiples = multiples[:1]
	}
	var out []plot.Tick
	for e := math.Floor(math.Log10(low)); math.Pow(10, e) <= high; e++ {
		for _, m := range multiples {
			if v := m * math.Pow(10, e); v >= low*(1-1e-9) && v <= high*(1+1e-9) {
				out = append(out, tick(v))
			}
		}
	}
	return out
}

func tick(v float64) plot.Tick {
	return plot.Tick{Value: v, Label: strconv.FormatFloat(v, 'g', 6, 64)}
}

// logScale is a logarithmic axis. What lies below its low end, zero too, is drawn there.
type logScale struct{}

func (logScale) Normalize(low, high, x float64) float64 {
	return math.Log(max(x, low)/low) / math.Log(high/low)
}

// spread is the ratio from which an axis is logarithmic: below it the differences
// between the series can be seen on a linear one. Beyond the other bounds numbers
// are absurd, and their logarithms' axis could lose its ends.
const (
	spread    = 8
	maxSpread = 1e12
	least     = 1e-200
)

// scale chooses the axis for values from low to high, and leaves some room at its ends.
func scale(a *plot.Axis, low, high float64) {
	if low > least && high/low >= spread && high/low < maxSpread {
		a.Scale, a.Tick.Marker = logScale{}, logTicks{}
		room := math.Pow(high/low, 0.04)
		a.Min, a.Max = low/room, high*room
		return
	}
	a.Tick.Marker = ticks{count: 5}
	room := (high - low) * 0.05
	if room == 0 {
		room = max(math.Abs(high)*0.05, 1e-9)
	}
	a.Min, a.Max = low-room, high+room
}
