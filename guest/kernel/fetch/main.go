// SPDX-License-Identifier: MIT OR Apache-2.0

// Command fetch fetches the distribution's kernel for virtual machines into the
// cache, where package kernel finds it, and prints its path. When it is there
// already, or the user's manifest lists one, nothing is fetched.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"arcbox.dev/guest/kernel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "kernel:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	cacheDir := flags.String("cache", "", "cache `folder` (default: ARCBOX_CACHE or the user's cache folder)")
	err := flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	k, err := kernel.FetchCloud(ctx, *cacheDir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "Linux %s, %s: %s\n", k.Release, k.Origin, k.Path)
	return err
}
