// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

// Command arcbox runs containers, each in a Linux VM of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"arcbox.dev/runtime/events"
	"github.com/spf13/cobra"
)

// started is when this process began to run its own code; a boot is counted from it.
var started time.Duration

func main() {
	started = events.Now()
	root := rootCommand()
	err := root.ExecuteContext(context.Background())
	os.Exit(report(err))
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "arcbox",
		Short:         "Containers, each in a Linux VM of its own",
		Long:          "arcbox runs containers, each in a Linux VM of its own that boots in a fraction of a second.",
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{fmt.Errorf("%w (see '%s --help')", err, cmd.CommandPath())}
	})
	root.AddCommand(runCommand(), vmCommand(), imageCommand(), doctorCommand(), versionCommand())
	return root
}

// Exit statuses, as docker run has them.
const (
	statusArcbox        = 125 // arcbox itself failed
	statusNotExecutable = 126
	statusNotFound      = 127
)

// exitStatus ends arcbox with the container's status and no message.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// usageError is a mistake in the command line.
type usageError struct{ error }

// report prints err, as one line, and returns arcbox's exit status.
func report(err error) int {
	if err == nil {
		return 0
	}
	var status exitStatus
	if errors.As(err, &status) {
		return int(status)
	}
	fmt.Fprintln(os.Stderr, "arcbox:", err)
	return statusOf(err)
}
