// The generators of guest/protocol, apart from the modules that use what they generate.
module arcbox.dev/ci/tools/protoc

go 1.26.0

tool (
	github.com/containerd/ttrpc/cmd/protoc-gen-go-ttrpc
	google.golang.org/protobuf/cmd/protoc-gen-go
)

require (
	github.com/containerd/ttrpc v1.2.10 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)
