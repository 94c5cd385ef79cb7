module arcbox.dev/scenarios

go 1.26.0

require (
	arcbox.dev/bench v0.0.0
	arcbox.dev/datapath v0.0.0
	arcbox.dev/guest v0.0.0
	arcbox.dev/runtime v0.0.0
)

require (
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/schollz/progressbar/v3 v3.19.1 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/perf v0.0.0-20260908200009-22c9c6c9d4da // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/term v0.44.0 // indirect
)

replace arcbox.dev/bench => ../bench

replace arcbox.dev/runtime => ../runtime

replace arcbox.dev/guest => ../guest

replace arcbox.dev/datapath => ../datapath
