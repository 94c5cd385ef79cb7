// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package worker

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
)

// peer is a lab that keeps to the protocol only as far as a test wants.
type peer struct {
	t      *testing.T
	conn   net.Conn
	in     receiver
	served chan error // what Serve returned
}

// serveHere serves a catalog in this process.
func serveHere(t *testing.T, ctx context.Context, c Catalog, grace time.Duration) *peer {
	t.Helper()
	ours, theirs := net.Pipe()
	p := &peer{t: t, conn: ours, in: newReceiver(ours), served: make(chan error, 1)}
	s := &server{catalog: c, conn: theirs, replies: make(chan reply, 1), grace: grace}
	go func() { p.served <- s.serve(ctx) }()
	t.Cleanup(func() { ours.Close() })
	var h hello
	require.NoError(t, p.in.receive(&h))
	require.Equal(t, Protocol, h.Protocol)
	return p
}

func (p *peer) send(r request) { require.NoError(p.t, send(p.conn, r)) }

func (p *peer) ask(r request) reply {
	p.t.Helper()
	p.send(r)
	var got reply
	require.NoError(p.t, p.in.receive(&got))
	require.Equal(p.t, r.ID, got.ID)
	return got
}

// oneScenario has a scenario called "It", and tells whether its target was cleaned.
func oneScenario(run func(context.Context) ([]record.Value, error), meters ...Meter) (Catalog, *bool) {
	cleaned := new(bool)
	return Catalog{
		Scenarios: []scenario.Scenario{fakeScenario{"It", run}},
		Target:    &fakeTarget{cleaned: cleaned}, Meters: meters,
	}, cleaned
}

// untilCancelled closes began, waits, and notes why it ended.
func untilCancelled(began chan<- struct{}, ended *error) func(context.Context) ([]record.Value, error) {
	return func(ctx context.Context) ([]record.Value, error) {
		close(began)
		<-ctx.Done()
		*ended = context.Cause(ctx)
		return nil, *ended
	}
}

// TestServeEnds: however the lab goes, the sample is cancelled first, then the target cleaned.
func TestServeEnds(t *testing.T) {
	stop := errors.New("told to stop")
	for _, tc := range []struct {
		name       string
		end        func(p *peer, stop func(error))
		cause, err error
	}{
		{"connection closed", func(p *peer, _ func(error)) { p.conn.Close() }, errLabGone, nil},
		{"context", func(_ *peer, cancel func(error)) { cancel(stop) }, stop, nil},
		{"close", func(p *peer, _ func(error)) { require.Nil(p.t, p.ask(request{ID: 2, Op: opClose}).Failure) }, errCancelled, nil},
		{"second request", func(p *peer, _ func(error)) { p.send(request{ID: 2, Op: opCheck}) }, errLabGone, ErrBadMessage},
		{"no number", func(p *peer, _ func(error)) { p.send(request{Op: opCheck}) }, errLabGone, ErrBadMessage},
		{"garbage", func(p *peer, _ func(error)) { _, _ = io.WriteString(p.conn, "hello?\n") }, errLabGone, ErrBadMessage},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			var ended error
			began := make(chan struct{})
			c, cleaned := oneScenario(untilCancelled(began, &ended))
			p := serveHere(t, ctx, c, time.Minute)
			p.send(request{ID: 1, Op: opSample, Scenario: "It"})
			<-began
			tc.end(p, cancel)
			require.ErrorIs(t, <-p.served, tc.err)
			require.Equal(t, tc.cause, ended)
			require.True(t, *cleaned)
		})
	}
}

func TestServeCancels(t *testing.T) {
	var ended error
	c, _ := oneScenario(untilCancelled(make(chan struct{}), &ended))
	p := serveHere(t, context.Background(), c, time.Minute)
	p.send(request{ID: 5, Op: opSample, Scenario: "It"})
	p.send(request{ID: 4, Op: opCancel}) // of an earlier one
	got := p.ask(request{ID: 5, Op: opCancel})
	require.Equal(t, errCancelled.Error(), got.Failure.Text)
	require.Equal(t, `bad message: unknown request "dance"`, p.ask(request{ID: 6, Op: "dance"}).Failure.Text)
	require.Nil(t, p.ask(request{ID: 7, Op: opClose}).Failure)
	require.NoError(t, <-p.served)
}

// TestServeStuck: Serve returns although a scenario does not.
func TestServeStuck(t *testing.T) {
	release, released := make(chan struct{}), make(chan struct{})
	c, cleaned := oneScenario(func(context.Context) ([]record.Value, error) {
		defer close(released)
		<-release
		return nil, nil
	})
	p := serveHere(t, context.Background(), c, time.Millisecond)
	p.send(request{ID: 1, Op: opSample, Scenario: "It"})
	got := p.ask(request{ID: 2, Op: opClose})
	require.Equal(t, "ending a request: does not end after 1ms", got.Failure.Text)
	require.ErrorIs(t, <-p.served, ErrStuck)
	require.False(t, *cleaned, "it is still in use")
	close(release)
	<-released
}

func TestCleanFails(t *testing.T) {
	c, _ := oneScenario(nil)
	c.Target.(*fakeTarget).clean = errors.New("a folder stays")
	p := serveHere(t, context.Background(), c, time.Minute)
	require.Equal(t, "cleaning up after fake: a folder stays", p.ask(request{ID: 1, Op: opClose}).Failure.Text)
	require.ErrorContains(t, <-p.served, "a folder stays")
}

func TestMeters(t *testing.T) {
	run := func(context.Context) ([]record.Value, error) { return fine, nil }
	broken := errors.New("no counters")
	for _, tc := range []struct {
		name    string
		meters  []*fakeMeter
		err     string
		stopped []int
	}{
		{"all", []*fakeMeter{{unit: "a-count"}, {unit: "b-count"}}, "", []int{1, 1}},
		{"second does not start", []*fakeMeter{{unit: "a-count"}, {unit: "b-count", starting: broken}}, "counting: no counters", []int{1, 0}},
		{"first does not stop", []*fakeMeter{{unit: "a-count", stopping: broken}, {unit: "b-count"}}, "counting: no counters", []int{1, 1}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var meters []Meter
			for _, m := range tc.meters {
				meters = append(meters, m)
			}
			c, _ := oneScenario(run, meters...)
			m, err := c.sample(context.Background(), "It")
			for i, m := range tc.meters {
				require.Equal(t, tc.stopped[i], m.stopped)
			}
			if tc.err != "" {
				require.EqualError(t, err, tc.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, []record.Value{fine[0], {Value: 1, Unit: "a-count"}, {Value: 1, Unit: "b-count"}}, m.Values)
		})
	}
}

// TestValuesThatNoMessageHolds: a scenario that measures nonsense has failed.
func TestValuesThatNoMessageHolds(t *testing.T) {
	zero := 0.0
	c, _ := oneScenario(func(context.Context) ([]record.Value, error) {
		return []record.Value{{Value: 1 / zero, Unit: "fake-ns"}}, nil
	})
	p := serveHere(t, context.Background(), c, time.Minute)
	require.Equal(t, "bad message: json: unsupported value: +Inf", p.ask(request{ID: 1, Op: opSample, Scenario: "It"}).Failure.Text)
}

func TestConnWithoutLab(t *testing.T) {
	_, err := Conn()
	require.ErrorContains(t, err, "no lab started this process")
	Guard() // does nothing
}

func TestParseCPU(t *testing.T) {
	got, err := parseCPU([]byte("42 (a) b (c) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 3 2 20 0 1 0"))
	require.NoError(t, err)
	require.Equal(t, 170*time.Millisecond, got)
	for _, bad := range []string{"", "42 (a) S 1 2 3", "42 (a) S 1 42 42 0 -1 4194304 100 0 0 0 7 5 x 2 20"} {
		_, err := parseCPU([]byte(bad))
		require.Error(t, err, "%q", bad)
	}
}
