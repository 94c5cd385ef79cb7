// SPDX-License-Identifier: MIT OR Apache-2.0

package calibrate

import (
	"context"
	"errors"
	"go/parser"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/lineup/lineuptest"
	"arcbox.dev/scenarios/runner"
	"arcbox.dev/scenarios/suite"
)

// sides has fakes on the given sides, whose boots take so long.
func sides(t *testing.T, err error, labels ...string) *lineup.Lineup {
	t.Helper()
	var all []lineup.Side
	for i, label := range labels {
		random, took := rand.New(rand.NewPCG(uint64(i), 1)), 40*(1+usual[label]) // ms
		all = append(all, lineuptest.Side(label, lineuptest.New("ColdBoot", units, func(int) ([]record.Value, error) {
			return []record.Value{{Value: 1e6 * took * (1 + 0.02*random.Float64()), Unit: "agent_ready-ns"}}, err
		})))
	}
	l, preparing := lineup.Prepare(t.Context(), all, []suite.Run{{Scenario: "ColdBoot", Targets: []string{lineuptest.Target}, Count: 1, Warmup: 1, Limit: time.Minute, CPUs: suite.DefaultCPUs, Memory: suite.DefaultMemory}}, func(string) {})
	require.NoError(t, preparing)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// display counts what a person is shown.
type display struct {
	runner.Progress
	total, begun, finished int
	left                   []time.Duration
}

func (d *display) Start(total int) { d.total += total }
func (d *display) Begin(_ string, left time.Duration) {
	d.begun++
	d.left = append(d.left, left)
}
func (d *display) Done(record.Sample) {}
func (d *display) Skip(runs int)      { d.total -= runs }
func (d *display) Note(string)        {}
func (d *display) Finish()            { d.finished++ }

// kept keeps samples.
type kept struct{ samples []record.Sample }

func (k *kept) Write(s record.Sample) error {
	k.samples = append(k.samples, s)
	return nil
}
func (k *kept) Note(string) error { return nil }

func TestMeasure(t *testing.T) {
	require.Equal(t, []string{"old", "same", "slow5", "slow10"}, Sides())
	var sink kept
	var shown display
	samples, err := Measure(t.Context(), sides(t, nil, Sides()...), Settings{Trials: 3, Pairs: 15, Seed: 1, MaxFailures: 3}, &sink, &shown)
	require.NoError(t, err)
	require.Len(t, samples, 3*2*15*4)
	require.Equal(t, samples, sink.samples)
	require.Equal(t, 1, shown.finished, "one display for all")
	require.True(t, slices.IsSortedFunc(samples, func(a, b record.Sample) int { return a.Round - b.Round }))
	require.Equal(t, 1, samples[0].Round)
	require.Equal(t, 3*2*15, samples[len(samples)-1].Round, "rounds are numbered through")
	rates, err := Judge(samples, units, 15)
	require.NoError(t, err)
	require.Equal(t, 3, rates[0].Trials)
	require.Zero(t, rates[0].Wrong)
	require.Zero(t, rates[2].Wrong)
}

// TestMeasureErrors: what was measured before is kept.
func TestMeasureErrors(t *testing.T) {
	_, err := Measure(t.Context(), sides(t, errors.New("no answer"), Sides()...), Settings{Trials: 1, Pairs: 10, MaxFailures: 3}, &kept{}, &display{})
	require.ErrorContains(t, err, "failed too often")

	ctx, cancel := context.WithCancel(t.Context())
	sink := &ending{cancel: cancel, at: 100}
	samples, err := Measure(ctx, sides(t, nil, Sides()...), Settings{Trials: 3, Pairs: 10, MaxFailures: 3}, sink, &display{})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sink.samples, samples)
	require.Len(t, samples, 100)
}

// ending ends the run after some samples.
type ending struct {
	kept
	cancel func()
	at     int
}

func (e *ending) Write(s record.Sample) error {
	if len(e.samples)+1 == e.at {
		e.cancel()
	}
	return e.kept.Write(s)
}

func TestMedian(t *testing.T) {
	median, err := Median(t.Context(), sides(t, nil, "old"), 9, 3, &display{})
	require.NoError(t, err)
	require.InDelta(t, 40.4e6, float64(median), 0.4e6)
	_, err = Median(t.Context(), sides(t, errors.New("no answer"), "old"), 9, 3, &display{})
	require.ErrorContains(t, err, "no answer")
}

func TestSeries(t *testing.T) {
	var shown display
	s := &series{Progress: &shown, blocks: 4}
	s.Start(10)
	s.Begin("a", time.Second)
	s.Finish()
	s.ended()
	s.started = time.Now().Add(-time.Minute)
	s.Start(8) // without warm-ups
	s.Begin("a", time.Second)
	require.Equal(t, 38, shown.total)
	require.Zero(t, shown.finished)
	require.Equal(t, 4*time.Second, shown.left[0])
	require.GreaterOrEqual(t, shown.left[1], 2*time.Minute+time.Second, "two more after this one, of a minute each")
	require.Less(t, shown.left[1], 4*time.Minute)
}

func TestPlantIn(t *testing.T) {
	p, err := PlantIn("ColdBoot", 3500*time.Microsecond)
	require.NoError(t, err)
	require.Equal(t, "(*Runtime).Boot", p.Func)
	require.Contains(t, p.Statement, "3500000*time.Nanosecond")
	_, err = parser.ParseExpr("func() { " + p.Statement + " }")
	require.NoError(t, err)
	_, err = PlantIn("Nap", time.Second)
	require.ErrorContains(t, err, "Nap")
	require.True(t, strings.HasSuffix(err.Error(), "(there is for ColdBoot, Exec)"))
}
