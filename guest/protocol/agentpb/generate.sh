#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# Writes the Go code of agent.proto. Needs protoc (Debian: protobuf-compiler); the
# generators themselves are pinned in ci/tools/protoc.
set -eu
cd "$(dirname "$0")"
bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
(cd ../../../ci/tools/protoc && GOWORK=off GOBIN="$bin" go install tool)
PATH="$bin:$PATH" protoc \
	--go_out=. --go_opt=paths=source_relative \
	--go-ttrpc_out=. --go-ttrpc_opt=paths=source_relative \
	agent.proto
# The ttrpc generator writes no licence line, and its marker would become package documentation.
sed -i -e '1i // SPDX-License-Identifier: MIT OR Apache-2.0\n' -e 's|^package agentpb$|\n&|' agent_ttrpc.pb.go
