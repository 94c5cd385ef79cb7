# SPDX-License-Identifier: MIT OR Apache-2.0
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BIN     := $(CURDIR)/bin
COMMIT  := $(shell git describe --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.commit=$(COMMIT) -X main.version=$(COMMIT)
GOFLAGS_BUILD := -trimpath -ldflags '$(LDFLAGS)'

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## install what `make demo` needs and the host lacks
	@ci/setup demo

.PHONY: build
build: ## build everything into bin/
	@mkdir -p $(BIN)
	@CGO_ENABLED=0 go build $(GOFLAGS_BUILD) -o $(BIN)/ ./cmd/...
	@CGO_ENABLED=0 go build -tags profile $(GOFLAGS_BUILD) -o $(BIN)/arcbox-agent-profile ./cmd/arcbox-agent
	@go run ./runtime/image/build/pack hello $(BIN)/hello.tar $(BIN)/arcbox-hello

.PHONY: demo
demo: setup build ## set up, build, and run the bundled image in a VM of its own
	@$(BIN)/arcbox run --trace arcbox/hello
	@echo 'demo: ok'

.PHONY: test
test: ## run all tests; says at the end what was skipped, and why
	@ci/setup test
	@$(MAKE) --no-print-directory build
	@ci/test

.PHONY: test-kvm
test-kvm: ## test the kvm driver with real kernels, in a machine in software where need be (minutes)
	@ci/setup test
	@go run ./ci/nested $(STEPS)

.PHONY: kernel
kernel: ## build the lean guest kernels once (minutes), which are taken from then on; FLAVOUR=uml or vm builds one
	@ci/setup kernel
	@go run ./guest/kernel/build $(FLAVOUR)

.PHONY: kernel-cloud
kernel-cloud: ## fetch the distribution's kernel for virtual machines, which is taken where no lean one is
	@go run ./guest/kernel/fetch

.PHONY: bench
bench: lab ## gate the working tree: measure it beside the last commit on main, and fail on a regression (minutes)
	@$(BIN)/arcbox-bench compare --suite quick

.PHONY: bench-ab
bench-ab: lab ## the same beside another revision: make bench-ab BASE=rev
	@[ -n "$(BASE)" ] || { echo 'say which revision to compare with: make bench-ab BASE=rev' >&2; exit 2; }
	@$(BIN)/arcbox-bench compare --suite quick --base '$(BASE)'

.PHONY: bench-full
bench-full: lab ## measure everything on every target that is here, for the record (half an hour)
	@$(BIN)/arcbox-bench run --suite full

.PHONY: bench-datapath
bench-datapath: ## measure the datapath's parts beside what one would take instead (minutes)
	@ci/setup datapath
	@$(MAKE) --no-print-directory build
	@$(BIN)/arcbox-bench packages datapath datapath/peers --also 'purego:^peers.rings$$'

.PHONY: bench-ci
bench-ci: lab ## what CI looks at: a few samples of ArcBox and its nearest rivals (minutes)
	@$(BIN)/arcbox-bench run --suite ci --out $(BIN)/ci-$(COMMIT)-$(shell date +%s).txt

.PHONY: lab
lab:
	@ci/setup test
	@$(MAKE) --no-print-directory build

.PHONY: fuzz
fuzz: ## fuzz every parser for FUZZTIME each (default 5m)
	@ci/fuzz $(or $(FUZZTIME),5m)

.PHONY: verify
verify: ## check formatting, vet, imports and generated files
	@ci/verify

.PHONY: fix
fix: ## mend what verify can mend
	@gofmt -w $$(git ls-files '*.go')
	@go work sync
	@for m in $$(go list -m -f '{{.Dir}}'); do (cd $$m && GOWORK=off go mod tidy); done

.PHONY: generate
generate: ## make the generated code again
	@cd guest && go generate ./...

.PHONY: clean
clean: ## remove bin/
	@rm -rf $(BIN)
