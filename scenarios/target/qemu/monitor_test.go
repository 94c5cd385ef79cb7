// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package qemu

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// monitorEnds returns the two ends of a connection to a monitor.
func monitorEnds(t *testing.T) (ours, theirs net.Conn) {
	t.Helper()
	ours, file, err := connect("monitor")
	require.NoError(t, err)
	defer file.Close()
	theirs, err = net.FileConn(file)
	require.NoError(t, err)
	return ours, theirs
}

// fakeMonitor plays QEMU's part: it greets, and answers the requests with the lines
// in turn, in which %d becomes the request's number. At the end it hangs up.
func fakeMonitor(t *testing.T, lines ...string) *monitor {
	t.Helper()
	ours, theirs := monitorEnds(t)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer theirs.Close()
		if _, err := fmt.Fprintln(theirs, `{"QMP": {"version": {}, "capabilities": ["oob"]}}`); err != nil {
			return
		}
		requests := bufio.NewScanner(theirs)
		for _, line := range lines {
			var r request
			if !requests.Scan() || json.Unmarshal(requests.Bytes(), &r) != nil {
				return
			}
			if _, err := fmt.Fprintln(theirs, strings.ReplaceAll(line, "%d", fmt.Sprint(r.ID))); err != nil {
				return
			}
		}
	}()
	m := newMonitor(ours)
	t.Cleanup(func() { m.close(); <-done })
	return m
}

func TestMonitor(t *testing.T) {
	ctx := context.Background()
	m := fakeMonitor(t,
		`{"return": {}, "id": %d}`,
		`{"event": "VSERPORT_CHANGE", "data": {"open": true, "id": "agent"}}`+"\n"+`{"return": {"icount": 1}, "id": 7}`+"\n"+`{"return": {"icount": 5}, "id": %d}`,
		`{"error": {"class": "GenericError", "desc": "no such thing"}, "id": %d}`,
		`{"event": "MIGRATION", "data": {"status": "active"}}`+"\n"+`{"return": {}, "id": %d}`+"\n"+`{"event": "MIGRATION", "data": {"status": "completed"}}`)
	require.NoError(t, m.greet(ctx))
	var result struct {
		Icount int `json:"icount"`
	}
	require.NoError(t, m.call(ctx, "query-replay", nil, &result))
	require.Equal(t, 5, result.Icount, "an answer to another request is none")
	require.EqualError(t, m.call(ctx, "fly", nil, nil), "having QEMU execute fly: no such thing")
	opened, err := m.await(ctx, portEvent, func(e eventData) bool { return e.ID == "agent" })
	require.NoError(t, err)
	require.True(t, opened.Open, "it came during a call")
	require.NoError(t, m.call(ctx, "migrate", map[string]string{"uri": "fd:state"}, nil))
	_, err = m.await(ctx, migrationEvent, func(e eventData) bool { return e.Status == "completed" })
	require.NoError(t, err)
	_, err = m.await(ctx, migrationEvent, func(eventData) bool { return true })
	require.EqualError(t, err, "waiting for QEMU's event MIGRATION: unexpected EOF")
}

func TestMonitorOfBadQEMU(t *testing.T) {
	for _, tc := range []struct{ name, answer, want string }{
		{"garbage", "hello", "invalid character"},
		{"wrong type", `{"id": "x"}`, "cannot unmarshal"},
		{"endless line", strings.Repeat("x", maxMessage+1), "token too long"},
		{"bad result", `{"return": [], "id": %d}`, "cannot unmarshal"},
		{"another's answer", `{"return": {}, "id": 1%d}`, "unexpected EOF"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var result struct{}
			err := fakeMonitor(t, tc.answer).call(context.Background(), "x", nil, &result)
			require.ErrorContains(t, err, "having QEMU execute x: ")
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestMonitorKeepsFewEvents(t *testing.T) {
	event := `{"event": "E", "data": {"status": "s"}}` + "\n"
	m := fakeMonitor(t, strings.Repeat(event, 10*maxEvents)+`{"return": {}, "id": %d}`)
	require.NoError(t, m.greet(context.Background()))
	require.Len(t, m.events, maxEvents)
}

// TestMonitorOfSilentQEMU: the end of the context ends the wait.
func TestMonitorOfSilentQEMU(t *testing.T) {
	ours, theirs := monitorEnds(t)
	defer theirs.Close()
	m := newMonitor(ours)
	defer m.close()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, m.greet(ctx), os.ErrDeadlineExceeded)
	_, err := m.await(ctx, "E", func(eventData) bool { return true })
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
}

func TestMonitorPassesFilesOverSocketsAlone(t *testing.T) {
	ours, theirs := net.Pipe()
	defer theirs.Close()
	m := newMonitor(ours)
	defer m.close()
	require.ErrorContains(t, m.call(context.Background(), "getfd", nil, nil, os.Stdin), "unix socket")
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"QMP": {"version": {}}}`))
	f.Add([]byte(`{"return": {"icount": 5}, "id": 3}`))
	f.Add([]byte(`{"error": {"desc": "no"}, "id": 3}`))
	f.Add([]byte(`{"event": "MIGRATION", "data": {"status": "active", "open": null}}`))
	f.Add([]byte(`{"return": null, "id": 1e400}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		m, err := parse(line)
		if err != nil {
			require.Equal(t, message{}, m)
			return
		}
		require.True(t, json.Valid(line))
		require.False(t, m.answers(m.ID+1))
	})
}

// TestResumeOfFailingQEMU: what the new QEMU says is the reason.
func TestResumeOfFailingQEMU(t *testing.T) {
	qemu := install(t, "echo 'qemu: cannot load the state' >&2; exit 1")
	_, err := qemu.Resume(context.Background())
	require.ErrorContains(t, err, "there is no snapshot")

	qemu.refusal = errors.New("not enough memory")
	_, err = qemu.Resume(context.Background())
	require.ErrorContains(t, err, "not enough memory")

	_, err = qemu.takeSnapshot(context.Background())
	require.ErrorContains(t, err, "taking a snapshot: QEMU ended: exit status 1: qemu: cannot load the state")

	qemu.snapshot, err = newSnapshot(1 << 20)
	require.NoError(t, err)
	_, err = qemu.Resume(context.Background())
	require.EqualError(t, err, "QEMU ended: exit status 1: qemu: cannot load the state")
	require.NoError(t, qemu.Clean())
	require.NoError(t, qemu.Clean())
}
