// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"arcbox.dev/guest/client"
	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/errdefs"
	"github.com/spf13/cobra"
)

// runFlags are the options of arcbox run.
type runFlags struct {
	interactive, tty, remove, trace, readOnly bool

	env                                         []string
	dir, user, cpus, memory, driver, entrypoint string
	hostname                                    string
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [flags] IMAGE [COMMAND [ARG...]]",
		Short: "Run a container in a VM of its own",
		Long: `Run a container in a VM of its own.

IMAGE is the name of a loaded image, the path of an OCI layout folder or of an
archive (OCI or docker save), or ` + bundledImage + `, which comes with arcbox.

The exit status is the container's; 125 if arcbox itself failed, 126 if the
command could not be executed, 127 if it was not found.`,
		Example: `  arcbox run ` + bundledImage + `
  arcbox run -it ./busybox.tar sh
  echo hello | arcbox run -i busybox cat`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError{fmt.Errorf("an image is needed (see '%s --help')", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return run(cmd, f, args) },
	}
	fl := cmd.Flags()
	fl.SetInterspersed(false) // what follows the image is the container's
	fl.BoolVarP(&f.interactive, "interactive", "i", false, "keep the standard input open and pass it on")
	fl.BoolVarP(&f.tty, "tty", "t", false, "give the container a terminal")
	fl.BoolVar(&f.remove, "rm", false, "remove the container when it exits (always so, for now)")
	fl.StringArrayVarP(&f.env, "env", "e", nil, "set a variable (NAME=value, or NAME to pass it on)")
	fl.StringVarP(&f.dir, "workdir", "w", "", "working directory in the container")
	fl.StringVarP(&f.user, "user", "u", "", "user in the container (name or uid, :group or :gid)")
	fl.StringVar(&f.cpus, "cpus", "", "number of CPUs (default 1)")
	fl.StringVarP(&f.memory, "memory", "m", "", "memory, with a unit of b, k, m or g (default 256m)")
	fl.StringVar(&f.driver, "driver", "", "how to run the VM: kvm or uml (default: what works here)")
	fl.StringVar(&f.entrypoint, "entrypoint", "", "replace the image's entry point")
	fl.StringVarP(&f.hostname, "hostname", "h", "", "host name in the container")
	fl.BoolVar(&f.readOnly, "read-only", false, "make the container's root file system read-only")
	fl.BoolVar(&f.trace, "trace", false, "print how long each part of the boot took")
	fl.Bool("help", false, "print this help")
	return cmd
}

func run(cmd *cobra.Command, f runFlags, args []string) error {
	cfg, err := runConfig(cmd, f, args)
	if err != nil {
		return err
	}
	rt, p, err := newRuntime()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	signals := catchSignals(cancel)
	defer signals.stop()

	var term *terminal
	if f.tty {
		if term, err = openTerminal(f.interactive); err != nil {
			return err
		}
		defer term.restore()
		cfg.Terminal = term.size()
	}
	sandbox, err := rt.Run(ctx, cfg)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer sandbox.Close()
	signals.forward(sandbox)
	tellDriver(ctx, rt, p)
	if term != nil {
		if err := term.enter(sandbox); err != nil {
			return err
		}
	}
	watching, stopWatching := context.WithCancel(ctx)
	go sandbox.Watch(watching, core.WatchInterval, tellHang)
	status, err := sandbox.Wait(ctx)
	stopWatching()
	if term != nil {
		term.restore()
	}
	if err != nil {
		return interrupted(ctx, err)
	}
	if f.trace {
		stats, _ := sandbox.Stats(context.Background())
		printTrace(os.Stderr, sandbox.VM, stats)
	}
	if code := status.ExitCode(); code != 0 {
		sandbox.Close() // deferred calls do not run once main exits
		return exitStatus(code)
	}
	return nil
}

// tellHang says that the guest hangs, as far as can be told from here, or that it goes on.
func tellHang(silence time.Duration) {
	if silence == 0 {
		fmt.Fprintln(os.Stderr, "arcbox: the guest answers again")
		return
	}
	fmt.Fprintf(os.Stderr, "arcbox: the guest has not answered for %v and seems to hang (Ctrl-C three times ends it)\n", silence)
}

// interrupted prefers the user's interrupt over the errors that it caused.
func interrupted(ctx context.Context, err error) error {
	var sig signalError
	if errors.As(context.Cause(ctx), &sig) {
		return exitStatus(128 + int(sig))
	}
	return err
}

// runConfig checks the flags.
func runConfig(cmd *cobra.Command, f runFlags, args []string) (core.RunConfig, error) {
	cfg := core.RunConfig{
		Boot:  core.BootConfig{Driver: f.driver, Requested: started},
		Image: args[0], Args: args[1:], Dir: f.dir, User: f.user, Hostname: f.hostname, ReadOnly: f.readOnly,
		Stdout: os.Stdout, Stderr: os.Stderr,
	}
	if cmd.Flags().Changed("entrypoint") {
		cfg.Entrypoint = []string{}
		if f.entrypoint != "" {
			cfg.Entrypoint = []string{f.entrypoint}
		}
	}
	if f.dir != "" && !strings.HasPrefix(f.dir, "/") {
		return cfg, errdefs.New(errdefs.ErrInvalid, "give an absolute path", "the working directory %q is relative", f.dir)
	}
	if f.interactive {
		cfg.Stdin = os.Stdin
	}
	for _, v := range f.env {
		name, _, set := strings.Cut(v, "=")
		if name == "" || strings.ContainsRune(v, 0) {
			return cfg, errdefs.New(errdefs.ErrInvalid, "give NAME=value", "the variable %q has no name", v)
		}
		if !set {
			value, ok := os.LookupEnv(name)
			if !ok {
				continue
			}
			v = name + "=" + value
		}
		cfg.Env = append(cfg.Env, v)
	}
	if f.cpus != "" {
		n, err := parseCPUs(f.cpus)
		if err != nil {
			return cfg, err
		}
		cfg.Boot.CPUs = n
	}
	if f.memory != "" {
		n, err := parseSize(f.memory)
		if err != nil {
			return cfg, err
		}
		cfg.Boot.Memory = n
	}
	return cfg, nil
}

// parseSize reads a number of bytes with docker's units: b, k, m, g, and no unit for bytes.
func parseSize(s string) (uint64, error) {
	digits := strings.TrimRight(strings.ToLower(s), "bkmgi")
	n, err := strconv.ParseUint(digits, 10, 64)
	shift, ok := map[string]uint{"": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30}[strings.ToLower(s)[len(digits):]]
	if err != nil || !ok || n == 0 || n > 1<<(63-shift) {
		return 0, errdefs.New(errdefs.ErrInvalid, "give a number and b, k, m or g", "the memory size %q is not valid", s)
	}
	return n << shift, nil
}

// callTimeout bounds small requests to a running container, such as a signal.
const callTimeout = 5 * time.Second

func sizeOf(columns, rows int) *client.Size {
	return &client.Size{Columns: uint16(columns), Rows: uint16(rows)}
}
