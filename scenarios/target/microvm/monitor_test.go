// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package microvm

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/containerd/ttrpc"
	"go.uber.org/goleak"

	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

// playEnv has the test program play a monitor with a guest in it: "well", or in
// which way it fails.
const playEnv = "MICROVM_TEST_PLAY"

func TestMain(m *testing.M) {
	how := os.Getenv(playEnv)
	if how == "" {
		goleak.VerifyTestMain(m)
		return
	}
	if err := play(how, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// play is a monitor: it looks at its command line as the two real ones do, and
// speaks for the guest.
func play(how string, args []string) error {
	if args[0] == "--version" {
		fmt.Println("Monitor v0.1")
		return nil
	}
	socket, reboots, err := readCommand(args)
	if err != nil {
		return err
	}
	switch how {
	case "panic":
		fmt.Println("[ 0.1] Kernel panic - not syncing: no init")
		return nil
	case "hang":
		if err := os.WriteFile(os.Getenv("MICROVM_TEST_PID"), []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
			return err
		}
		time.Sleep(time.Hour)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return err
	}
	ready, err := net.Dial("unix", fmt.Sprintf("%s_%d", socket, protocol.ReadyPort))
	if err != nil {
		return err
	}
	record := protocol.Ready{Version: protocol.Version, AgentVersion: "v1", SinceStart: time.Millisecond}
	if _, err := ready.Write(record.Append(nil)); err != nil {
		return err
	}
	ready.Close()
	server, err := ttrpc.NewServer()
	if err != nil {
		return err
	}
	agentpb.RegisterAgentService(server, &agent{reboots: reboots})
	return server.Serve(context.Background(), &guestListener{Listener: listener, deaf: how == "deaf"})
}

// readCommand returns the path of the vsock, and whether the monitor ends with a reboot.
func readCommand(args []string) (socket string, reboots bool, err error) {
	if args[0] == "--no-api" {
		text, err := os.ReadFile(args[2])
		if err != nil {
			return "", false, err
		}
		var config struct {
			Source  struct{ Kernel_image_path, Initrd_path, Boot_args string } `json:"boot-source"`
			Machine struct{ Vcpu_count, Mem_size_mib int }                     `json:"machine-config"`
			Vsock   struct {
				Guest_cid int
				Uds_path  string
			}
		}
		err = json.Unmarshal(text, &config)
		if got := fmt.Sprint(config.Source.Kernel_image_path, " ", config.Source.Initrd_path, config.Machine, config.Vsock.Guest_cid); got != "/k /i/bare{2 256} 3" && got != "/k /i/tool{2 256} 3" {
			return "", false, fmt.Errorf("bad configuration: %s", got)
		}
		return config.Vsock.Uds_path, true, err
	}
	line := strings.Join(args, " ")
	_, socket, ok := strings.Cut(line, "--cpus boot=2 --memory size=256M --vsock cid=3,socket=")
	socket, _, ok2 := strings.Cut(socket, " --serial tty --console off")
	if !ok || !ok2 || !strings.HasPrefix(line, "--kernel /k --initramfs /i/") {
		return "", false, fmt.Errorf("bad command line: %s", line)
	}
	return socket, false, nil
}

// guestListener accepts what the host connects to the agent's port.
type guestListener struct {
	net.Listener
	deaf bool // nobody listens in the guest
}

func (l *guestListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		request, err := bufio.NewReaderSize(conn, 16).ReadString('\n')
		if err != nil || l.deaf || request != fmt.Sprintf("CONNECT %d\n", protocol.RPCPort) {
			conn.Close()
			continue
		}
		if _, err := conn.Write([]byte("OK 1073741824\n")); err != nil {
			return nil, err
		}
		return conn, nil
	}
}

// agent is the guest's.
type agent struct {
	agentpb.AgentService
	reboots bool
}

func (*agent) Ping(context.Context, *agentpb.PingRequest) (*agentpb.PingResponse, error) {
	return &agentpb.PingResponse{ProtocolVersion: protocol.Version, AgentVersion: "v1"}, nil
}

func (*agent) Exec(_ context.Context, r *agentpb.ExecRequest) (*agentpb.ExecResponse, error) {
	if string(r.GetArgs()[0]) != "/tool" {
		return nil, fmt.Errorf("no such program")
	}
	return &agentpb.ExecResponse{Pid: 2}, nil
}

func (*agent) Wait(context.Context, *agentpb.WaitRequest) (*agentpb.WaitResponse, error) {
	return &agentpb.WaitResponse{}, nil
}

func (*agent) Info(context.Context, *agentpb.InfoRequest) (*agentpb.InfoResponse, error) {
	return &agentpb.InfoResponse{Cpus: 2}, nil
}

// Shutdown ends the monitor, if asked in the way that does so.
func (a *agent) Shutdown(_ context.Context, r *agentpb.ShutdownRequest) (*agentpb.ShutdownResponse, error) {
	if r.GetReboot() == a.reboots {
		os.Exit(0)
	}
	return &agentpb.ShutdownResponse{}, nil
}

// install puts this program in the place of a monitor.
func install(t *testing.T, name, how string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Symlink(self, filepath.Join(dir, name)); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	t.Setenv(playEnv, how)
}
