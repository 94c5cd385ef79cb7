// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Command arcbox-bench is the lab: it measures ArcBox and its rivals on this
// machine, side by side, and keeps the raw samples.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses.
const (
	statusFailed      = 1   // not all that was asked for was measured
	statusUsage       = 2   // a mistake in the command line
	statusInterrupted = 130 // Ctrl-C, as a shell has it
)

func main() {
	// The profiler's library would keep a coarse profile of allocations in every run.
	// One that is asked for sets the rate itself.
	runtime.MemProfileRate = 0
	beginWorker(os.Args)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second Ctrl-C ends the lab at once.
	context.AfterFunc(ctx, stop)
	os.Exit(execute(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// execute runs the command line and returns the exit status.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := rootCommand()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintln(stderr, "arcbox-bench:", err)
	var usage usageError
	switch {
	case ctx.Err() != nil:
		return statusInterrupted
	case errors.As(err, &usage):
		return statusUsage
	}
	return statusFailed
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "arcbox-bench",
		Short: "Measure ArcBox and its rivals on this machine",
		Long: "arcbox-bench measures ArcBox and its rivals on this machine, side by side in one run,\n" +
			"and keeps the raw samples in Go benchmark format, which benchstat reads.",
		Example: "  arcbox-bench list\n" +
			"  arcbox-bench run boot --targets uml:lean,qemu --count 20\n" +
			"  arcbox-bench compare --suite quick\n" +
			"  arcbox-bench report",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see '%s --help')", err, cmd.CommandPath())}
	})
	root.AddCommand(runCommand(), compareCommand(), calibrateCommand(), listCommand(), reportCommand(), exportCommand(), workerCommand(), profileCommand(), packagesCommand())
	return root
}

// usageError is a mistake in the command line.
type usageError struct{ error }

func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usageError{fmt.Errorf("unexpected %q (see '%s --help')", args[0], cmd.CommandPath())}
	}
	return nil
}
