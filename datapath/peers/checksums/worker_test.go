// SPDX-License-Identifier: MIT OR Apache-2.0

package checksums

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"arcbox.dev/datapath/checksum"
)

// workerVariable tells this test binary to be a worker instead of running tests.
const workerVariable = "ARCBOX_CHECKSUM_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(workerVariable) != "" {
		if err := serve(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	code := m.Run()
	if simd.folder != "" {
		os.RemoveAll(simd.folder)
	}
	os.Exit(code)
}

// serve is a worker: it says what sums in this process, and answers each line "size count" with a line "nanoseconds
// sum" until its input ends.
func serve(r io.Reader, w io.Writer) error {
	if _, err := fmt.Fprintln(w, checksum.Implementation()); err != nil {
		return err
	}
	in := bufio.NewReader(r)
	for {
		var size, count int
		switch _, err := fmt.Fscanln(in, &size, &count); {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("reading a request: %w", err)
		case size < 0 || size > longest || count < 1:
			return fmt.Errorf("size %d or count %d is out of range", size, count)
		}
		elapsed, sum := arcboxLoop(hot[:size], count)
		if _, err := fmt.Fprintln(w, elapsed.Nanoseconds(), sum); err != nil {
			return err
		}
	}
}

// A worker is a process that runs loops for us.
type worker struct {
	in  io.WriteCloser
	out *bufio.Reader
}

// startWorker starts a process, which ends with the test, and reads what it says it is.
func startWorker(tb testing.TB, name string, env []string, args ...string) (*worker, string) {
	tb.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), env...)
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("worker %s: %v", name, err)
		}
	})
	w := &worker{in, bufio.NewReader(out)}
	var says string
	if _, err := fmt.Fscanln(w.out, &says); err != nil {
		tb.Fatalf("worker %s said nothing: %v", name, err)
	}
	return w, says
}

// loop asks the process to sum its own buffer of size bytes n times.
func (w *worker) loop(tb testing.TB, size, n int) (time.Duration, uint16) {
	tb.Helper()
	var ns int64
	var sum uint16
	if _, err := fmt.Fprintln(w.in, size, n); err != nil {
		tb.Fatal(err)
	}
	if _, err := fmt.Fscanln(w.out, &ns, &sum); err != nil {
		tb.Fatalf("worker gave no answer: %v", err)
	}
	return time.Duration(ns), sum
}

// arcboxWorker starts this binary with the processor features in off turned off for golang.org/x/sys/cpu, by which
// datapath/checksum chooses. It skips if that does not leave the implementation that is asked for.
func arcboxWorker(tb testing.TB, implementation, off string) *worker {
	w, says := startWorker(tb, os.Args[0], []string{workerVariable + "=1", "GODEBUG=" + off})
	if says != implementation {
		tb.Skipf("this processor, or this build, has no %s: %s was chosen", implementation, says)
	}
	return w
}

var simd struct {
	once   sync.Once
	folder string
	err    error
}

// cWorker starts the C program, compiled once a run, with the instructions that it is to use.
func cWorker(tb testing.TB, instructions string) *worker {
	cc, err := exec.LookPath("cc")
	if err != nil {
		tb.Skip("no C compiler; on Debian: apt-get install gcc")
	}
	simd.once.Do(func() {
		if simd.folder, simd.err = os.MkdirTemp("", "checksums-"); simd.err != nil {
			return
		}
		build := exec.Command(cc, "-O3", "-std=gnu11", "-Wall", "-Wextra", "-o", filepath.Join(simd.folder, "simd"), "simd/main.c")
		if out, err := build.CombinedOutput(); err != nil {
			simd.err = fmt.Errorf("%s: %w\n%s", build, err, out)
		}
	})
	if simd.err != nil {
		tb.Fatal(simd.err)
	}
	w, says := startWorker(tb, filepath.Join(simd.folder, "simd"), nil, instructions)
	if says != instructions {
		tb.Skipf("this processor has no %s", instructions)
	}
	return w
}
