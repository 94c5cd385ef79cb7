// SPDX-License-Identifier: MIT OR Apache-2.0

package rpc

import (
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"arcbox.dev/guest/protocol"
	"arcbox.dev/guest/protocol/agentpb"
)

// decoder is a request.
type decoder interface {
	Decode(message []byte) error
}

var requests = []struct {
	name      string
	generated proto.Message
	got, want decoder
}{
	{"ping", &agentpb.PingRequest{ProtocolVersion: 7, HostTime: -5}, new(PingRequest), &PingRequest{7, -5}},
	{"info", &agentpb.InfoRequest{}, new(InfoRequest), &InfoRequest{}},
	{"mount", &agentpb.MountRequest{Mount: &agentpb.Mount{Source: []byte("/dev/\xff"), Target: []byte("/a"), Type: "ext4", Options: []string{"ro", "", "x=y"}}},
		new(MountRequest), &MountRequest{&Mount{"/dev/\xff", "/a", "ext4", []string{"ro", "", "x=y"}}}},
	{"exec", &agentpb.ExecRequest{
		Id: 1 << 63, Args: [][]byte{[]byte("sh"), nil, []byte("\xff\x00")}, Env: [][]byte{[]byte("A=b")}, Cwd: []byte("/tmp"), User: "app:app",
		Terminal: &agentpb.Terminal{Columns: 80, Rows: 24},
		Streams:  []agentpb.Stream{agentpb.Stream_STREAM_STDIN, agentpb.Stream_STREAM_TERMINAL},
	}, new(ExecRequest), &ExecRequest{
		ID: 1 << 63, Args: []string{"sh", "", "\xff\x00"}, Env: []string{"A=b"}, Cwd: "/tmp", User: "app:app",
		Terminal: &Terminal{80, 24}, Streams: []protocol.Stream{protocol.Stdin, protocol.Terminal},
	}},
	{"container", &agentpb.ExecRequest{Terminal: &agentpb.Terminal{}, Container: &agentpb.Container{
		Id: "id", Hostname: "h", Layers: []*agentpb.Layer{{Source: []byte("/dev/vda1")}, {Type: "squashfs"}},
		WritableLimit: 1 << 40, ReadOnly: true, Mounts: []*agentpb.Mount{{Target: []byte("/x")}},
		AddCapabilities: []string{"ALL"}, DropCapabilities: []string{"CHOWN", "KILL"}, Privileged: true,
		Hosts: []string{"1.2.3.4 a"}, ResolvConf: []byte("nameserver 1.1.1.1\n"),
	}}, new(ExecRequest), &ExecRequest{Terminal: &Terminal{}, Container: &Container{
		ID: "id", Hostname: "h", Layers: []Layer{{Source: "/dev/vda1"}, {Type: "squashfs"}},
		WritableLimit: 1 << 40, ReadOnly: true, Mounts: []Mount{{Target: "/x"}},
		AddCapabilities: []string{"ALL"}, DropCapabilities: []string{"CHOWN", "KILL"}, Privileged: true,
		Hosts: []string{"1.2.3.4 a"}, ResolvConf: "nameserver 1.1.1.1\n",
	}}},
	{"wait", &agentpb.WaitRequest{Id: 3}, new(WaitRequest), &WaitRequest{3}},
	{"signal", &agentpb.SignalRequest{Id: 3, Signal: 15}, new(SignalRequest), &SignalRequest{3, 15}},
	{"resize", &agentpb.ResizeRequest{Id: 3, Size: &agentpb.Terminal{Rows: 2}}, new(ResizeRequest), &ResizeRequest{3, &Terminal{Rows: 2}}},
	{"shutdown", &agentpb.ShutdownRequest{Grace: 1e9, Reboot: true}, new(ShutdownRequest), &ShutdownRequest{1e9, true}},
}

// TestDecode takes what the host's generated code encodes.
func TestDecode(t *testing.T) {
	for _, tt := range requests {
		t.Run(tt.name, func(t *testing.T) {
			encoded, err := proto.Marshal(tt.generated)
			require.NoError(t, err)
			require.NoError(t, tt.got.Decode(encoded))
			if exec, ok := tt.got.(*ExecRequest); ok {
				require.Equal(t, encoded, exec.Encoded)
				exec.Encoded = nil
			}
			require.Equal(t, tt.want, tt.got)
			// Every field a second time: the last one counts, lists grow.
			require.NoError(t, tt.got.Decode(encoded))
		})
	}
}

// TestRequestsAreComplete keeps the table complete: a field that agent.proto gains
// has to appear in it.
func TestRequestsAreComplete(t *testing.T) {
	set := make(map[protoreflect.FullName]bool)
	declared := make(map[protoreflect.FullName]bool)
	var visit func(m protoreflect.Message)
	visit = func(m protoreflect.Message) {
		for i := range m.Descriptor().Fields().Len() {
			declared[m.Descriptor().Fields().Get(i).FullName()] = true
		}
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			set[f.FullName()] = true
			switch {
			case f.Message() == nil:
			case f.IsList():
				for i := range v.List().Len() {
					visit(v.List().Get(i).Message())
				}
			default:
				visit(v.Message())
			}
			return true
		})
	}
	for _, tt := range requests {
		visit(tt.generated.ProtoReflect())
	}
	require.Equal(t, declared, set)
}

// TestEncode gives the host's generated code what the agent encodes.
func TestEncode(t *testing.T) {
	for _, tt := range []struct {
		name      string
		response  Response
		got, want proto.Message
	}{
		{"empty", Empty{}, new(agentpb.MountResponse), &agentpb.MountResponse{}},
		{"ping", &PingResponse{1, "v1", 1 << 40, true}, new(agentpb.PingResponse),
			&agentpb.PingResponse{ProtocolVersion: 1, AgentVersion: "v1", SinceStart: 1 << 40, ClockSet: true}},
		{"zero ping", &PingResponse{}, new(agentpb.PingResponse), &agentpb.PingResponse{}},
		{"info", &InfoResponse{"6.12", "x86_64", 1, 2, 3, 4, 5, []float64{0.5, 0, 1e300}, 6, []Step{{"a", 7}, {}}}, new(agentpb.InfoResponse),
			&agentpb.InfoResponse{KernelRelease: "6.12", Machine: "x86_64", MemoryTotal: 1, MemoryAvailable: 2, Cpus: 3, Uptime: 4, SinceStart: 5,
				Load: []float64{0.5, 0, 1e300}, Tasks: 6, Steps: []*agentpb.Step{{Name: "a", At: 7}, {}}}},
		{"exec", &ExecResponse{42}, new(agentpb.ExecResponse), &agentpb.ExecResponse{Pid: 42}},
		{"wait", &WaitResponse{1, 2, 1 << 63, 4}, new(agentpb.WaitResponse),
			&agentpb.WaitResponse{Code: 1, Signal: 2, StdoutBytes: 1 << 63, StderrBytes: 4}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, proto.Unmarshal(tt.response.Encode(), tt.got))
			require.True(t, proto.Equal(tt.want, tt.got), "got %v, want %v", tt.got, tt.want)
			require.Empty(t, tt.got.ProtoReflect().GetUnknown())
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     error
	}{
		{"tag without end", "\x80", errTruncated},
		{"tag too large", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", errTruncated},
		{"field 0", "\x00\x01", errTag},
		{"field 2^32", "\x80\x80\x80\x80\x80\x01\x00", errTag},
		{"varint without end", "\x08\xff", errTruncated},
		{"no varint", "\x08", errTruncated},
		{"short 64 bits", "\x79\x00\x00\x00\x00\x00\x00\x00", errTruncated},
		{"short 32 bits", "\x7d\x00\x00\x00", errTruncated},
		{"bytes longer than the message", "\x12\x05abc", errTruncated},
		{"bytes of 2^64-1", "\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", errTruncated},
		{"group", "\x0b\x0c", errWireType},
		{"wire type 7", "\x0f", errWireType},
		{"text for a number", "\x0a\x01a", errMismatch},
		{"number for text", "\x10\x01", errMismatch},
		{"number for a message", "\x30\x01", errMismatch},
		{"broken message inside", "\x32\x01\x80", errTruncated},
		{"broken packed list", "\x3a\x02\x01\x80", errTruncated},
		{"32 bits for a list", "\x3d\x00\x00\x00\x00", errMismatch},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorIs(t, new(ExecRequest).Decode([]byte(tt.in)), tt.want)
		})
	}
}

// FuzzDecode holds the decoder against protobuf's: whatever both take means the same.
func FuzzDecode(f *testing.F) {
	for _, tt := range requests {
		encoded, err := proto.Marshal(tt.generated)
		require.NoError(f, err)
		f.Add(encoded)
	}
	f.Add([]byte("\x38\x01\x3a\x02\x01\x02"))         // a list, both packed and not
	f.Add([]byte("\x32\x02\x08\x50\x32\x02\x10\x18")) // a message in two parts
	f.Add([]byte("\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, in []byte) {
		var ours ExecRequest
		err := ours.Decode(in)
		var theirs agentpb.ExecRequest
		if err != nil || proto.Unmarshal(in, &theirs) != nil {
			return // protobuf passes over mismatches, and wants text to be UTF-8
		}
		require.Equal(t, theirs.GetId(), ours.ID)
		require.Equal(t, len(theirs.GetArgs()), len(ours.Args))
		for i, a := range theirs.GetArgs() {
			require.Equal(t, string(a), ours.Args[i])
		}
		require.Equal(t, string(theirs.GetCwd()), ours.Cwd)
		require.Equal(t, theirs.GetUser(), ours.User)
		require.Equal(t, theirs.GetTerminal() == nil, ours.Terminal == nil)
		if ours.Terminal != nil {
			require.Equal(t, theirs.GetTerminal().GetColumns(), ours.Terminal.Columns)
			require.Equal(t, theirs.GetTerminal().GetRows(), ours.Terminal.Rows)
		}
		require.Equal(t, len(theirs.GetStreams()), len(ours.Streams))
		require.Equal(t, theirs.GetContainer() == nil, ours.Container == nil)
		if ours.Container != nil {
			require.Equal(t, theirs.GetContainer().GetId(), ours.Container.ID)
			require.Equal(t, len(theirs.GetContainer().GetMounts()), len(ours.Container.Mounts))
			require.Equal(t, theirs.GetContainer().GetReadOnly(), ours.Container.ReadOnly)
			require.Equal(t, theirs.GetContainer().GetWritableLimit(), ours.Container.WritableLimit)
		}
	})
}
