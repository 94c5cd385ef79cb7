// SPDX-License-Identifier: MIT OR Apache-2.0

package runner

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeTarget is a target of which nothing but the name is real.
type fakeTarget struct {
	name         string
	missing, bad error
	prepared     bool
}

func (f *fakeTarget) Name() string                  { return f.name }
func (f *fakeTarget) Check(context.Context) error   { return f.missing }
func (f *fakeTarget) Prepare(context.Context) error { f.prepared = true; return f.bad }
func (f *fakeTarget) Labels() []record.Label        { return []record.Label{{Key: "target", Value: f.name}} }
func (f *fakeTarget) Version() string               { return "1" }
func (f *fakeTarget) Clean() error                  { return nil }

// fakeScenario calls run, if there is one, and takes a second.
type fakeScenario struct {
	run func(ctx context.Context, target string) error

	mu    sync.Mutex
	calls []string
}

func (*fakeScenario) Name() string         { return "Fake" }
func (*fakeScenario) Units() []record.Unit { return nil }
func (*fakeScenario) Check(t target.Target) error {
	if t.Name() == "unfit" {
		return errors.New("unfit")
	}
	return nil
}

func (s *fakeScenario) Run(ctx context.Context, t target.Target) ([]record.Value, error) {
	s.mu.Lock()
	s.calls = append(s.calls, t.Name())
	n := len(s.calls)
	s.mu.Unlock()
	time.Sleep(time.Second)
	if s.run != nil {
		if err := s.run(ctx, t.Name()); err != nil {
			return nil, err
		}
	}
	return []record.Value{{Value: float64(n), Unit: "agent_ready-ns"}}, nil
}

// otherScenario is the same under another name.
type otherScenario struct{ *fakeScenario }

func (otherScenario) Name() string { return "Other" }

// memorySink keeps samples and notes, until it is full.
type memorySink struct {
	samples []record.Sample
	notes   []string
	room    int // samples that still fit; negative is no limit
}

func (m *memorySink) Write(s record.Sample) error {
	if m.room == 0 {
		return syscall.ENOSPC
	}
	m.room--
	m.samples = append(m.samples, s)
	return nil
}

func (m *memorySink) Note(text string) error {
	m.notes = append(m.notes, text)
	return nil
}

func planOf(s *fakeScenario, targets ...string) Plan {
	p := Plan{Count: 3, Warmup: 1, Seed: 7, Limit: time.Minute, MaxFailures: 2}
	for _, t := range targets {
		p.Jobs = append(p.Jobs, Job{s, &fakeTarget{name: t}})
	}
	return p
}

// inBubble runs a plan under a clock of its own, and returns what was shown.
func inBubble(t *testing.T, plan Plan, sink Sink) (result Result, shown string, err error) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		var out bytes.Buffer
		result, err = Run(context.Background(), plan, sink, NewProgress(&out, false))
		shown = out.String()
	})
	return result, shown, err
}

func TestRunInterleaves(t *testing.T) {
	s, sink := &fakeScenario{}, &memorySink{room: -1}
	result, shown, err := inBubble(t, planOf(s, "a", "b", "c"), sink)
	require.NoError(t, err)
	require.Len(t, result.Samples, 9)
	require.Equal(t, result.Samples, sink.samples)
	require.Empty(t, result.Failures)
	for round := range slices.Chunk(s.calls, 3) { // warm-ups first, likewise mixed
		slices.Sort(round)
		require.Equal(t, []string{"a", "b", "c"}, round)
	}
	require.Equal(t, 4.0, sink.samples[0].Values[0].Value, "the first three runs are warm-ups")
	require.Contains(t, shown, "[12/12] Fake/target=")
	require.Contains(t, shown, "11s left")

	orders := map[string]bool{}
	for _, seed := range []uint64{7, 7, 8, 9} {
		s := &fakeScenario{}
		p := planOf(s, "a", "b", "c")
		p.Seed = seed
		_, _, err := inBubble(t, p, &memorySink{room: -1})
		require.NoError(t, err)
		orders[strings.Join(s.calls, "")] = true
	}
	require.Len(t, orders, 3, "the seed, and it alone, makes the order")
}

func TestFailingTargetIsGivenUp(t *testing.T) {
	s := &fakeScenario{run: func(_ context.Context, target string) error {
		if target == "bad" {
			return errors.New("no boot")
		}
		return nil
	}}
	sink := &memorySink{room: -1}
	result, shown, err := inBubble(t, planOf(s, "bad", "good"), sink)
	require.NoError(t, err)
	require.Len(t, result.Samples, 3)
	require.Len(t, result.Failures, 2)
	require.Equal(t, []string{"Fake/target=bad"}, result.GivenUp)
	require.Equal(t, []string{"Fake/target=bad failed: no boot", "Fake/target=bad failed: no boot", "Fake/target=bad is given up"}, sink.notes)
	require.Contains(t, shown, "[6/6] ")
}

func TestOccasionalFailures(t *testing.T) {
	n := 0
	s := &fakeScenario{run: func(context.Context, string) error {
		if n++; n%2 == 0 {
			return errors.New("now and then")
		}
		return nil
	}}
	result, _, err := inBubble(t, planOf(s, "a"), &memorySink{room: -1})
	require.NoError(t, err)
	require.Empty(t, result.GivenUp)
	require.Len(t, result.Failures, 2)
	require.Len(t, result.Samples, 1)
}

func TestTimeLimit(t *testing.T) {
	s := &fakeScenario{run: func(ctx context.Context, target string) error {
		if target == "slow" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}}
	result, _, err := inBubble(t, planOf(s, "slow", "fast"), &memorySink{room: -1})
	require.NoError(t, err)
	require.Len(t, result.Samples, 3)
	require.ErrorIs(t, result.Failures[0].Err, ErrLimit)
	require.ErrorContains(t, result.Failures[0].Err, "time limit of 1m0s")
}

func TestStuckTargetIsLeftBehind(t *testing.T) {
	release := make(chan struct{})
	s := &fakeScenario{run: func(_ context.Context, target string) error {
		if target == "stuck" {
			<-release
		}
		return nil
	}}
	var result Result
	synctest.Test(t, func(*testing.T) {
		release = make(chan struct{})
		var err error
		plan := planOf(s, "stuck", "fine")
		plan.Jobs = append(plan.Jobs, Job{otherScenario{s}, plan.Jobs[0].Target})
		result, err = Run(context.Background(), plan, &memorySink{room: -1}, NewProgress(&bytes.Buffer{}, false))
		require.NoError(t, err)
		close(release)
		synctest.Wait()
	})
	require.ElementsMatch(t, []string{"Fake/target=stuck", "Other/target=stuck"}, result.GivenUp)
	require.Len(t, result.Failures, 1, "it is not tried again")
	require.ErrorContains(t, result.Failures[0].Err, "does not end after its time limit: time limit of 1m0s")
	require.Len(t, result.Samples, 3)
}

func TestInterruptKeepsSamples(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	n := 0
	s := &fakeScenario{run: func(context.Context, string) error {
		if n++; n == 3 {
			cancel(errors.New("interrupted"))
		}
		return nil
	}}
	sink := &memorySink{room: -1}
	var result Result
	synctest.Test(t, func(*testing.T) {
		var err error
		result, err = Run(ctx, planOf(s, "a"), sink, NewProgress(&bytes.Buffer{}, false))
		require.EqualError(t, err, "measuring: interrupted")
	})
	require.Len(t, result.Samples, 1)
	require.Len(t, sink.samples, 1)
}

func TestFullDiskEndsTheRun(t *testing.T) {
	result, _, err := inBubble(t, planOf(&fakeScenario{}, "a"), &memorySink{room: 2})
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.Len(t, result.Samples, 2)
}

func TestBadPlans(t *testing.T) {
	good := planOf(&fakeScenario{}, "a")
	for name, change := range map[string]func(*Plan){
		"no jobs":        func(p *Plan) { p.Jobs = nil },
		"no samples":     func(p *Plan) { p.Count = 0 },
		"no limit":       func(p *Plan) { p.Limit = 0 },
		"no failures":    func(p *Plan) { p.MaxFailures = 0 },
		"minus warm-ups": func(p *Plan) { p.Warmup = -1 },
		"same twice":     func(p *Plan) { p.Jobs = append(p.Jobs, p.Jobs[0]) },
		"bad label":      func(p *Plan) { p.Jobs = planOf(&fakeScenario{}, "a b").Jobs },
		"unfit":          func(p *Plan) { p.Jobs = planOf(&fakeScenario{}, "unfit").Jobs },
	} {
		p := good
		change(&p)
		_, err := Run(context.Background(), p, &memorySink{}, NewProgress(&bytes.Buffer{}, false))
		require.ErrorContains(t, err, "checking the plan: ", name)
	}
}

func TestPrepare(t *testing.T) {
	missing := &target.MissingError{What: "x is not installed"}
	a, b, c := &fakeTarget{name: "a", missing: missing}, &fakeTarget{name: "b", bad: errors.New("no")}, &fakeTarget{name: "c"}
	var out bytes.Buffer
	ready, gone, err := Prepare(context.Background(), []target.Target{a, b, c}, NewProgress(&out, false))
	require.NoError(t, err)
	require.Equal(t, []target.Target{c}, ready)
	require.Equal(t, []Missing{{a, missing}, {b, b.bad}}, gone)
	require.False(t, a.prepared)
	require.Equal(t, "preparing a\npreparing b\npreparing c\n", out.String())

	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, _, err = Prepare(ctx, []target.Target{c}, NewProgress(&out, false))
	require.ErrorIs(t, err, context.Canceled)
}

// TestOrderIsFair: over many rounds each job is at each place equally often.
func TestOrderIsFair(t *testing.T) {
	const rounds = 6000
	o := newOrder(rand.Uint64(), 3)
	var at [3][3]int
	for range rounds {
		for place, job := range o.round() {
			at[job][place]++
		}
	}
	for _, places := range at {
		for _, n := range places {
			require.InDelta(t, rounds/3, n, 250) // 6.8 standard deviations
		}
	}
}

func TestBar(t *testing.T) {
	var out bytes.Buffer
	p := NewProgress(&out, true)
	p.Note("preparing")
	p.Start(4)
	p.Begin("Fake/target=a", 0)
	p.Done("Fake/target=a", nil)
	p.Begin("Fake/target=b", 90*time.Second)
	p.Note("a note")
	p.Skip(1)
	p.Done("Fake/target=b", nil)
	p.Finish()
	for _, want := range []string{"preparing\n", "a note\n", "1m30s left Fake/target=b", "1/4", "2/3"} {
		require.Contains(t, out.String(), want)
	}
}
