// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package desktop

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/programtest"
)

// products are all that run containers.
func products(probe string) []*Target {
	return []*Target{OrbStack(probe), DockerDesktop(probe), Colima(probe), AppleContainer(probe)}
}

func TestCheckElsewhere(t *testing.T) {
	for _, p := range products("") {
		p.goos = "linux"
		err := p.Check(t.Context())
		require.ErrorIs(t, err, target.ErrMissing)
		require.EqualError(t, err, p.Name()+" runs on macOS only")
	}
	if runtime.GOOS != macOS {
		require.EqualError(t, Lima().Check(t.Context()), "lima is measured on darwin only")
	}
}

func TestCheckMissing(t *testing.T) {
	programtest.Missing(t)
	for i, want := range []string{
		"orbctl is not installed (install OrbStack from https://orbstack.dev and start it)",
		"docker is not installed (install Docker Desktop from https://docs.docker.com/desktop and start it)",
		"colima is not installed (run `brew install colima docker` and `colima start`)",
		"container is not installed (install it from https://github.com/apple/container/releases)",
	} {
		p := products("")[i]
		p.goos = macOS
		err := p.Check(t.Context())
		require.ErrorIs(t, err, target.ErrMissing)
		require.EqualError(t, err, want)
	}
}

// TestOfAll has each product, of which nothing is real, run a container.
func TestOfAll(t *testing.T) {
	const product = `case "$*" in
		version | --version) echo 'product 1' ;;
		run\ *) echo 0123456789abcdef ;;
		esac`
	programtest.Fake(t, "orbctl", product)
	programtest.Fake(t, "colima", product)
	programtest.Fake(t, "container", product)
	programtest.Fake(t, "docker", `case "$*" in
		--version) echo 'product 1' ;;
		--context\ *\ context\ inspect*) echo unix:///s ;;
		--context\ *\ version*) echo "engine of $2" ;;
		--context\ *\ run\ *) echo 0123456789abcdef ;;
		--context\ *) ;;
		*) echo "without a context: $*" >&2; exit 1 ;;
		esac`)
	for i, want := range []string{
		"product 1; engine of orbstack", "product 1; engine of desktop-linux", "product 1; engine of colima", "product 1; product 1",
	} {
		dir := programtest.Workspace(t)
		p := products(programtest.Tool(t))[i]
		t.Run(p.Name(), func(t *testing.T) {
			p.goos = macOS
			require.NoError(t, p.Check(t.Context()))
			require.NoError(t, p.Prepare(t.Context()))
			require.Equal(t, want, p.Version())
			require.Equal(t, p.Name(), p.Labels()[0].Value)
			instance, err := p.Start(t.Context())
			require.NoError(t, err)
			_, err = instance.Exec(t.Context(), instance.Tool())
			require.NoError(t, err)
			require.NoError(t, instance.Close())
			require.NoError(t, p.Clean())
			programtest.RequireEmpty(t, dir)
		})
	}
}

// TestNotStarted has a product that is installed and does not run.
func TestNotStarted(t *testing.T) {
	programtest.Fake(t, "colima", "echo colima 1")
	programtest.Fake(t, "docker", `echo 'context "colima" does not exist' >&2; exit 1`)
	p := Colima(programtest.Tool(t))
	p.goos = macOS
	err := p.Check(t.Context())
	require.ErrorIs(t, err, target.ErrMissing)
	require.ErrorContains(t, err, "start colima")
}
