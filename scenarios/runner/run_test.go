// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/worker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// calls notes which systems were sampled, in order.
type calls []string

// fakeSystem takes a second for a sample, or does what sample says.
type fakeSystem struct {
	name   string
	calls  *calls
	sample func(ctx context.Context) error
}

func (f *fakeSystem) Name() string { return f.name }

func (f *fakeSystem) Sample(ctx context.Context, scenario string) (worker.Measurement, error) {
	*f.calls = append(*f.calls, f.name)
	time.Sleep(time.Second)
	if f.sample != nil {
		if err := f.sample(ctx); err != nil {
			return worker.Measurement{}, err
		}
	}
	n := float64(len(*f.calls))
	return worker.Measurement{Values: []record.Value{{Value: n, Unit: "agent_ready-ns"}}, CPU: 100 * time.Millisecond}, nil
}

// fallenSystem must be started again before each sample, which takes an hour.
type fallenSystem struct {
	*fakeSystem
	err error
}

func (f fallenSystem) Revive(context.Context) error {
	time.Sleep(time.Hour)
	return f.err
}

// planOf has three samples and a warm-up of each fake.
func planOf(calls *calls, names ...string) Plan {
	p := Plan{Seed: 7, MaxFailures: 2}
	for _, name := range names {
		p.Jobs = append(p.Jobs, Job{
			Name: "Fake/target=" + name, System: &fakeSystem{name: name, calls: calls}, Scenario: "Fake",
			Count: 3, Warmup: 1, Limit: time.Minute,
		})
	}
	return p
}

// fakeWatch says what it was told to.
type fakeWatch struct {
	own              *time.Duration
	disturbed, clock string
}

func (f fakeWatch) Clock() string { return f.clock }
func (f fakeWatch) Disturbed(own time.Duration) string {
	*f.own = own
	return f.disturbed
}

// inBubble runs a plan under a clock of its own on a quiet machine, and returns what
// was shown.
func inBubble(t *testing.T, ctx context.Context, plan Plan, sink Sink) (Result, string, error) {
	t.Helper()
	return watched(t, ctx, plan, sink, fakeWatch{own: new(time.Duration)})
}

func watched(t *testing.T, ctx context.Context, plan Plan, sink Sink, w watch) (result Result, shown string, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		var out bytes.Buffer
		result, err = runWatched(ctx, plan, sink, NewProgress(&out, false), func() watch { return w })
		shown = out.String()
	})
	return result, shown, err
}

func TestRunInterleaves(t *testing.T) {
	ctx := context.Background()
	var made calls
	sink := &memorySink{}
	result, shown, err := inBubble(t, ctx, planOf(&made, "a", "b", "c"), sink)
	require.NoError(t, err)
	require.Len(t, result.Samples, 9)
	require.Equal(t, result.Samples, sink.samples)
	require.Empty(t, result.Failures)
	for round := range slices.Chunk(made, 3) { // warm-ups first, likewise mixed
		slices.Sort(round)
		require.Equal(t, calls{"a", "b", "c"}, round)
	}
	require.Equal(t, 4.0, sink.samples[0].Values[0].Value, "the first three runs are warm-ups")
	for i, s := range sink.samples {
		require.Equal(t, 1+i/3, s.Round)
	}
	require.Contains(t, shown, "[12/12] Fake/target=")
	require.Contains(t, shown, "11s left")
}

func TestFailingSystemIsGivenUp(t *testing.T) {
	var made calls
	plan := planOf(&made, "bad", "good")
	plan.Jobs[0].System.(*fakeSystem).sample = func(context.Context) error { return errors.New("no boot") }
	sink := &memorySink{}
	result, shown, err := inBubble(t, context.Background(), plan, sink)
	require.NoError(t, err)
	require.Len(t, result.Samples, 3)
	require.Len(t, result.Failures, 2)
	require.Equal(t, []string{"Fake/target=bad"}, result.GivenUp)
	require.Equal(t, []string{"Fake/target=bad failed: no boot", "Fake/target=bad failed: no boot", "Fake/target=bad is given up"}, sink.notes)
	require.Contains(t, shown, "[6/6] ")
}

func TestOccasionalFailures(t *testing.T) {
	var made calls
	plan := planOf(&made, "a")
	plan.Jobs[0].System.(*fakeSystem).sample = func(context.Context) error {
		if len(made)%2 == 0 {
			return errors.New("now and then")
		}
		return nil
	}
	result, _, err := inBubble(t, context.Background(), plan, &memorySink{})
	require.NoError(t, err)
	require.Empty(t, result.GivenUp)
	require.Len(t, result.Failures, 2)
	require.Len(t, result.Samples, 1)
	require.Equal(t, 2, result.Samples[0].Round)
}

func TestTimeLimit(t *testing.T) {
	var made calls
	plan := planOf(&made, "slow", "fast")
	plan.Jobs[0].System.(*fakeSystem).sample = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	result, _, err := inBubble(t, context.Background(), plan, &memorySink{})
	require.NoError(t, err)
	require.Len(t, result.Samples, 3)
	require.ErrorIs(t, result.Failures[0].Err, ErrLimit)
	require.ErrorContains(t, result.Failures[0].Err, "time limit of 1m0s")
}

// TestRevivalTakesNoTime: it is in no sample's time limit, and its failure is the job's.
func TestRevivalTakesNoTime(t *testing.T) {
	var made calls
	plan := planOf(&made, "a", "b")
	plan.Jobs[0].System = fallenSystem{plan.Jobs[0].System.(*fakeSystem), nil}
	plan.Jobs[1].System = fallenSystem{plan.Jobs[1].System.(*fakeSystem), errors.New("it is gone")}
	result, _, err := inBubble(t, context.Background(), plan, &memorySink{})
	require.NoError(t, err)
	require.Len(t, result.Samples, 3)
	require.Equal(t, []Failure{{"Fake/target=b", errors.New("it is gone")}, {"Fake/target=b", errors.New("it is gone")}}, result.Failures)
	require.NotContains(t, made, "b")
}

func TestNoValues(t *testing.T) {
	plan := planOf(new(calls), "a")
	plan.Jobs[0].System = silentSystem{}
	result, _, err := inBubble(t, context.Background(), plan, &memorySink{})
	require.NoError(t, err)
	require.EqualError(t, result.Failures[0].Err, "no value was measured")
}

type silentSystem struct{ System }

func (silentSystem) Sample(context.Context, string) (worker.Measurement, error) {
	return worker.Measurement{}, nil
}

func TestInterruptKeepsSamples(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	var made calls
	plan := planOf(&made, "a")
	plan.Jobs[0].System.(*fakeSystem).sample = func(ctx context.Context) error {
		if len(made) == 3 {
			cancel(errors.New("interrupted"))
			return context.Cause(ctx)
		}
		return nil
	}
	sink := &memorySink{}
	result, _, err := inBubble(t, ctx, plan, sink)
	require.EqualError(t, err, "measuring: interrupted")
	require.Len(t, result.Samples, 1)
	require.Len(t, sink.samples, 1)
	require.Empty(t, result.Failures, "it is the user's doing")
	require.Len(t, made, 3, "nothing is begun afterwards")
}

// TestDisturbed: what else the machine did is in each sample, and clocks that jump
// are told.
func TestDisturbed(t *testing.T) {
	var own time.Duration
	sink := &memorySink{}
	w := fakeWatch{own: &own, disturbed: "others used 34 % of the CPUs", clock: "the wall clock jumped by 1h0m0s"}
	result, shown, err := watched(t, context.Background(), planOf(new(calls), "a"), sink, w)
	require.NoError(t, err)
	require.Equal(t, 100*time.Millisecond, own)
	require.Equal(t, w.disturbed, result.Samples[0].Disturbed)
	require.Equal(t, "the wall clock jumped by 1h0m0s while Fake/target=a was measured", sink.notes[0])
	require.Contains(t, shown, " (others used 34 % of the CPUs)\n")
}

// TestRealWatch: the watch that a run has by itself works.
func TestRealWatch(t *testing.T) {
	plan := planOf(new(calls), "a")
	plan.Jobs[0].Count, plan.Jobs[0].Warmup = 1, 0
	result, err := Run(context.Background(), plan, &memorySink{}, NewProgress(&bytes.Buffer{}, false))
	require.NoError(t, err)
	require.Len(t, result.Samples, 1)
	require.NotContains(t, result.Samples[0].Disturbed, "\n")
}

func TestBadPlans(t *testing.T) {
	for name, change := range map[string]func(*Plan){
		"no jobs":        func(p *Plan) { p.Jobs = nil },
		"no samples":     func(p *Plan) { p.Jobs[0].Count = 0 },
		"no limit":       func(p *Plan) { p.Jobs[0].Limit = 0 },
		"no failures":    func(p *Plan) { p.MaxFailures = 0 },
		"minus rounds":   func(p *Plan) { p.FirstRound = -1 },
		"minus warm-ups": func(p *Plan) { p.Jobs[0].Warmup = -1 },
		"same twice":     func(p *Plan) { p.Jobs = append(p.Jobs, p.Jobs[0]) },
		"bad name":       func(p *Plan) { p.Jobs[0].Name = "Fake/target=a b" },
		"no scenario":    func(p *Plan) { p.Jobs[0].Scenario = "" },
		"no system":      func(p *Plan) { p.Jobs[0].System = nil },
	} {
		var made calls
		p := planOf(&made, "a")
		change(&p)
		_, err := Run(context.Background(), p, &memorySink{}, NewProgress(&bytes.Buffer{}, false))
		require.ErrorContains(t, err, "checking the plan: ", name)
		require.Empty(t, made, name)
	}
}

func TestResume(t *testing.T) {
	var made calls
	plan := planOf(&made, "done", "half", "new")
	plan.Done = map[string]int{"Fake/target=done": 3, "Fake/target=half": 2, "Fake/target=other": 9}
	plan.FirstRound = 4
	result, _, err := inBubble(t, context.Background(), plan, &memorySink{})
	require.NoError(t, err)
	require.NotContains(t, made, "done", "not even as a warm-up")
	count := map[string]int{}
	for _, s := range result.Samples {
		count[s.Name]++
		require.GreaterOrEqual(t, s.Round, 4)
		require.LessOrEqual(t, s.Round, 6)
	}
	require.Equal(t, map[string]int{"Fake/target=half": 1, "Fake/target=new": 3}, count)

	plan.Done = map[string]int{"Fake/target=done": 3, "Fake/target=half": 3, "Fake/target=new": 4}
	result, shown, err := inBubble(t, context.Background(), plan, &memorySink{})
	require.NoError(t, err)
	require.Empty(t, result.Samples)
	require.Empty(t, strings.TrimSpace(shown))
}
