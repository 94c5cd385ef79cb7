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
	"strings"
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
	recipes []kernel.Recipe // of the kernels to build, one after the other
	source  string          // the archive; found by itself when empty
	cache   string          // ArcBox's cache folder
	jobs    int
	force   bool // build again though the kernel is there
}

func parse(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("build", flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "Usage: build [flags] [flavour...]\n\nKernels of all flavours are built if none is given: %s.\n\n", flavours())
		flags.PrintDefaults()
	}
	flags.StringVar(&o.source, "source", "", "Linux source `archive` (default: the newest in /usr/src)")
	flags.StringVar(&o.cache, "cache", "", "cache `folder` (default: ARCBOX_CACHE or the user's cache folder)")
	flags.IntVar(&o.jobs, "jobs", runtime.NumCPU(), "how many compilers run at once")
	flags.BoolVar(&o.force, "force", false, "build again, even if nothing changed")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	if o.jobs < 1 {
		return options{}, fmt.Errorf("-jobs must be at least 1, not %d", o.jobs)
	}
	for _, name := range flags.Args() {
		r, ok := kernel.RecipeFor(kernel.Flavour(name))
		if !ok {
			return options{}, fmt.Errorf("there is no lean kernel of flavour %q, only of %s", name, flavours())
		}
		o.recipes = append(o.recipes, r)
	}
	if flags.NArg() == 0 {
		o.recipes = kernel.Recipes()
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

// flavours names all flavours that can be built.
func flavours() string {
	var names []string
	for _, r := range kernel.Recipes() {
		names = append(names, string(r.Flavour))
	}
	return strings.Join(names, ", ")
}

func run(ctx context.Context, args []string) error {
	o, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
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
	for _, r := range o.recipes {
		if err := o.build(ctx, r, src); err != nil {
			return fmt.Errorf("flavour %s: %w", r.Flavour, err)
		}
	}
	return nil
}

// build builds one kernel, unless the cache has it. The caller holds the lock.
func (o options) build(ctx context.Context, recipe kernel.Recipe, src source) error {
	entry := kernel.CacheEntry(o.cache, recipe.Flavour, kernel.Lean, src.digest, recipe.Digest())
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
	kernel.PruneEntries(o.cache, recipe.Flavour, kernel.Lean, entry)
	say("built Linux %s for %s in %v: %s", b.release, recipe.Flavour, time.Since(began).Round(time.Second), entry)
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
