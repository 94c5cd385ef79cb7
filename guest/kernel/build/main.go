// SPDX-License-Identifier: MIT OR Apache-2.0

// Command build builds the lean guest kernels from a distribution's Linux source
// and keeps them in the cache, where package kernel finds them.
//
// A kernel is built once for each source and recipe; when it is there already,
// the command only says so. Whatever goes wrong, the cache is as it was before.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"arcbox.dev/guest/cache"
	"arcbox.dev/guest/kernel"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted")
		}
		fmt.Fprintln(os.Stderr, "kernel:", err)
		os.Exit(1)
	}
}

// options are the command line's.
type options struct {
	flavour kernel.Flavour
	source  string // the archive; found by itself when empty
	cache   string // ArcBox's cache folder
	jobs    int
	force   bool // build again though the kernel is there
}

func parse(args []string) (options, error) {
	o := options{flavour: kernel.UML}
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "Usage: build [flags] [flavour]\n\nThe flavour of the kernel is %s if none is given.\n\n", kernel.UML)
		flags.PrintDefaults()
	}
	flags.StringVar(&o.source, "source", "", "Linux source `archive` (default: the newest in /usr/src)")
	flags.StringVar(&o.cache, "cache", "", "cache `folder` (default: ARCBOX_CACHE or the user's cache folder)")
	flags.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "how many compilers run at once")
	flags.BoolVar(&o.force, "force", false, "build again, even if nothing changed")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if flags.NArg() > 1 {
		return options{}, fmt.Errorf("unexpected argument %q", flags.Arg(1))
	}
	if o.jobs < 1 {
		return options{}, fmt.Errorf("-jobs must be at least 1, not %d", o.jobs)
	}
	if flags.NArg() == 1 {
		o.flavour = kernel.Flavour(flags.Arg(0))
	}
	if o.cache == "" {
		dir, err := cache.DefaultDir(os.Getenv)
		if err != nil {
			return options{}, err
		}
		o.cache = dir
	}
	return o, nil
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	recipe, ok := kernel.RecipeFor(o.flavour)
	if !ok {
		return fmt.Errorf("there is no lean kernel of flavour %q", o.flavour)
	}
	src, err := findSource(o.source, "/usr/src")
	if err != nil {
		return err
	}
	unlock, err := cache.Lock(ctx, filepath.Join(o.cache, "build", "lock"), func() { say("waiting for another build") })
	if err != nil {
		return err
	}
	defer unlock()
	entry := kernel.CacheEntry(o.cache, o.flavour, src.digest, recipe.Digest())
	if !o.force && intact(entry) {
		say("up to date: %s", entry)
		return nil
	}
	if err := checkTools(); err != nil {
		return err
	}
	began := time.Now()
	b := &build{recipe: recipe, source: src, jobs: o.jobs}
	if err := b.inFolder(ctx, o.cache, func() error { return b.install(ctx, entry) }); err != nil {
		return err
	}
	kernel.PruneEntries(o.cache, o.flavour, entry)
	say("built Linux %s in %v: %s", b.release, time.Since(began).Round(time.Second), entry)
	return nil
}

// checkTools says at once, and not after minutes, what the build will lack.
func checkTools() error {
	for _, tool := range []string{"make", "gcc", "ld", "strip", "flex", "bison", "bc", "tar", "xz"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%s is needed to build a kernel (run `sudo ci/setup kernel`)", tool)
		}
	}
	return nil
}

// say prints a line of progress.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "kernel: "+format+"\n", args...)
}
