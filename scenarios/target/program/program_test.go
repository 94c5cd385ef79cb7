// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package program

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"arcbox.dev/guest/client"
	"arcbox.dev/scenarios/target"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func shell(script string) Command { return Command{Path: "/bin/sh", Args: []string{"-c", script}} }

func TestFind(t *testing.T) {
	path, err := Find("sh", "")
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(path, "/sh"))
	_, err = Find("no-such-program", "build it")
	require.ErrorIs(t, err, target.ErrMissing)
	require.EqualError(t, err, "no-such-program is not installed (build it)")
}

func TestRun(t *testing.T) {
	t.Setenv("INHERITED", "yes")
	for _, tc := range []struct {
		name    string
		command Command
		want    Result
	}{
		{"well", shell("echo out; echo err >&2"), Result{Stdout: "out\n", Words: "err"}},
		{"status", shell("exit 7"), Result{Status: client.Status{Code: 7}}},
		{"signal", shell("kill -KILL $$"), Result{Status: client.Status{Signal: 9}}},
		{"silent", Command{Path: "/bin/sh", Args: []string{"-c", "echo out; echo err >&2; exit 7"}, Silent: true}, Result{Status: client.Status{Code: 7}}},
		{"environment", Command{Path: "/bin/sh", Args: []string{"-c", "echo $INHERITED $ADDED"}, Env: []string{"ADDED=too"}}, Result{Stdout: "yes too\n"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := tc.command.Run(t.Context())
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
	_, err := Command{Path: "/no/such", Args: []string{"--opt", "value", "do"}}.Run(t.Context())
	require.ErrorContains(t, err, "running such do: ")
}

func TestOutput(t *testing.T) {
	out, err := shell("echo; echo ' first '; echo second; echo").Output(t.Context())
	require.NoError(t, err)
	require.Equal(t, "first \nsecond", out)
	version, err := shell("echo; echo ' first '; echo second; echo").Version(t.Context())
	require.NoError(t, err)
	require.Equal(t, "first", version)
	_, err = shell("echo out; echo why >&2; exit 2").Output(t.Context())
	require.ErrorContains(t, err, ": exit status 2: why")
	_, err = shell("kill -TERM $$").Version(t.Context())
	require.ErrorContains(t, err, "signal: terminated")
}

// TestRunGivenUp ends the program and its children when the caller gives up.
func TestRunGivenUp(t *testing.T) {
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	time.AfterFunc(10*time.Millisecond, func() { cancel(enough) })
	_, err := shell("sleep 1000 & wait").Run(ctx)
	require.ErrorIs(t, err, enough)
}

// TestRunOfOneThatLeavesAChild does not wait for the child that holds its output.
func TestRunOfOneThatLeavesAChild(t *testing.T) {
	got, err := shell("sleep 30 & echo $!").Run(t.Context())
	require.NoError(t, err)
	require.Regexp(t, `^\d+\n$`, got.Stdout)
	end, err := shell("kill -KILL " + got.Stdout).Run(t.Context())
	require.NoError(t, err)
	require.Equal(t, client.Status{}, end.Status, "it still ran")
}

func TestCommandString(t *testing.T) {
	for _, tc := range []struct {
		args []string
		want string
	}{
		{nil, "runc"},
		{[]string{"--version"}, "runc"},
		{[]string{"run", "x"}, "runc run"},
		{[]string{"--root", "/state", "--log", "/log", "exec", "id"}, "runc exec"},
	} {
		require.Equal(t, tc.want, Command{Path: "/usr/sbin/runc", Args: tc.args}.String())
	}
}

func TestUnshell(t *testing.T) {
	for _, tc := range []struct{ in, want client.Status }{
		{client.Status{}, client.Status{}},
		{client.Status{Code: 128}, client.Status{Code: 128}},
		{client.Status{Code: 129}, client.Status{Signal: 1}},
		{client.Status{Code: 192}, client.Status{Signal: 64}},
		{client.Status{Code: 193}, client.Status{Code: 193}},
		{client.Status{Signal: 9}, client.Status{Signal: 9}},
	} {
		require.Equal(t, tc.want, Unshell(tc.in))
	}
}

func TestTail(t *testing.T) {
	var tail Tail
	require.Empty(t, tail.LastLine())
	for _, part := range []string{"fir", "st\nsec", "ond\x1b[31m\r\n \n"} {
		n, err := tail.Write([]byte(part))
		require.NoError(t, err)
		require.Equal(t, len(part), n)
	}
	require.Equal(t, "second [31m", tail.LastLine())
	_, err := tail.Write([]byte(strings.Repeat("x", 3*maxTail) + "end"))
	require.NoError(t, err)
	require.Len(t, tail.String(), maxTail)
	require.True(t, strings.HasSuffix(tail.String(), "xend"))
}

func TestProcess(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"well", "exit 0", ""},
		{"badly", "echo last >&2; echo word; exit 3", "sh ended: exit status 3: last: word"},
		{"signal", "kill -KILL $$", "sh ended: signal: killed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := Start(shell(tc.script))
			require.NoError(t, err)
			err = p.Wait(t.Context())
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.EqualError(t, err, tc.want)
			p.Kill() // does nothing
		})
	}
	_, err := Start(Command{Path: "/no/such"})
	require.ErrorContains(t, err, "starting such")
}

func TestProcessKilled(t *testing.T) {
	p, err := Start(Command{Path: "/bin/sleep", Args: []string{"1000"}})
	require.NoError(t, err)
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	lost := errors.New("connection lost")
	require.Equal(t, lost, p.Blame(ctx, lost), "it goes on")
	cancel(enough)
	require.ErrorIs(t, p.Wait(ctx), enough)
	require.Equal(t, enough, p.Blame(ctx, lost))
	p.Kill()
	require.ErrorIs(t, syscall.Kill(p.PID, 0), syscall.ESRCH)
	require.EqualError(t, p.Blame(t.Context(), lost), "sleep ended: signal: killed")
	<-p.Done()
}
