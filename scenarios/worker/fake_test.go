// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/scenario"
	"arcbox.dev/scenarios/target"
)

// envFake makes the test program one of the programs below.
const envFake = "ARCBOX_TEST_FAKE"

func TestMain(m *testing.M) {
	if name := os.Getenv(envFake); name != "" {
		fakes[name]()
		return
	}
	goleak.VerifyTestMain(m)
}

// fakes are programs that a lab may meet, and what these start.
var fakes = map[string]func(){
	"worker":   serveFake,
	"mute":     func() { forever() },
	"quits":    func() { fmt.Fprintln(os.Stderr, `fake: unknown command "worker"`); os.Exit(2) },
	"garbage":  func() { say("what is this?\n"); forever() },
	"old":      func() { say(`{"arcbox-worker":99}` + "\n"); forever() },
	"huge":     func() { greetThen(bytes.Repeat([]byte("x"), maxMessage+1)) },
	"half":     func() { greetThen([]byte(`{"id":1,`)); os.Exit(0) },
	"stray":    func() { greetThen([]byte(`{"id":7}` + "\n")); forever() },
	"empty":    func() { greetThen([]byte(`{"id":1}` + "\n")); forever() },
	"sleeper":  func() { forever() },
	"burner":   burn,
	"daemon":   func() { startFake("sleeper"); os.Exit(0) },
	"burnaway": func() { startFake("burner"); os.Exit(0) },
	"lab":      beLab,
}

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// say writes to the lab without any protocol.
func say(text string) {
	conn := os.NewFile(connFD, "lab")
	fmt.Fprintln(os.Stderr, "these are my last words")
	_, _ = conn.WriteString(text)
}

// greetThen waits for a request after a proper greeting, and answers with the bytes.
func greetThen(answer []byte) {
	conn := os.NewFile(connFD, "lab")
	_ = send(conn, hello{Protocol})
	_, _ = conn.Read(make([]byte, 100))
	_, _ = conn.Write(answer)
}

// serveFake is a worker as it should be, with the scenarios below.
func serveFake() {
	Guard()
	conn, err := Conn()
	if err == nil {
		err = Serve(context.Background(), conn, fakeCatalog())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// burned is the CPU time that a burner uses.
const burned = 80 * time.Millisecond

func burn() {
	for usedBySelf() < burned {
	}
}

func usedBySelf() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// startFake starts a fake in a session of its own, which notes its number in the
// folder that tests look into.
func startFake(name string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), envFake+"="+name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	pid := strconv.Itoa(cmd.Process.Pid)
	if err := os.WriteFile(filepath.Join(os.Getenv("FAKE_DIR"), pid), nil, 0o600); err != nil {
		panic(err)
	}
	return cmd
}

// fakeTarget is a target of which nothing but the name is real.
type fakeTarget struct {
	lacking, bad, clean error
	cleaned             *bool
}

func (f *fakeTarget) Name() string                  { return "fake" }
func (f *fakeTarget) Check(context.Context) error   { return f.lacking }
func (f *fakeTarget) Prepare(context.Context) error { return f.bad }
func (f *fakeTarget) Labels() []record.Label        { return []record.Label{{Key: "target", Value: "fake"}} }

// Version changes when FAKE_DIR has a file of that name.
func (f *fakeTarget) Version() string {
	v, err := os.ReadFile(filepath.Join(os.Getenv("FAKE_DIR"), "version"))
	if err != nil {
		return "1"
	}
	return string(v)
}

func (f *fakeTarget) Clean() error {
	if f.cleaned != nil {
		*f.cleaned = true
	}
	if dir := os.Getenv("FAKE_DIR"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "cleaned"), nil, 0o600)
	}
	return f.clean
}

// fakeScenario does what run says.
type fakeScenario struct {
	name string
	run  func(ctx context.Context) ([]record.Value, error)
}

func (f fakeScenario) Name() string         { return f.name }
func (f fakeScenario) Version() int         { return 3 }
func (f fakeScenario) Units() []record.Unit { return []record.Unit{{Name: "fake-ns", Better: "lower"}} }

func (f fakeScenario) Check(target.Target) error {
	if f.run == nil {
		return errors.New("fakes cannot do that")
	}
	return nil
}

func (f fakeScenario) Run(ctx context.Context, _ target.Target) ([]record.Value, error) {
	return f.run(ctx)
}

var fine = []record.Value{{Value: 42, Unit: "fake-ns"}}

// fakeCatalog is what the fake worker can do.
func fakeCatalog() Catalog {
	c := Catalog{Target: &fakeTarget{}, Meters: []Meter{&fakeMeter{unit: "fakes-count"}}}
	if os.Getenv("FAKE_LACKING") != "" {
		c.Target = &fakeTarget{lacking: fmt.Errorf("checking: %w", &target.MissingError{What: "x is not there", Remedy: "get x"})}
	}
	for name, run := range map[string]func(context.Context) ([]record.Value, error){
		"Fine":     func(context.Context) ([]record.Value, error) { return fine, nil },
		"Fails":    func(context.Context) ([]record.Value, error) { return nil, errors.New("no boot") },
		"Refused":  nil,
		"NoValue":  func(context.Context) ([]record.Value, error) { return nil, nil },
		"Unit":     func(context.Context) ([]record.Value, error) { return []record.Value{{Unit: "other-ns"}}, nil },
		"Twice":    func(context.Context) ([]record.Value, error) { return append(fine, fine...), nil },
		"Slow":     func(ctx context.Context) ([]record.Value, error) { <-ctx.Done(); return nil, context.Cause(ctx) },
		"Hang":     func(context.Context) ([]record.Value, error) { startFake("sleeper"); forever(); return nil, nil },
		"Panic":    func(context.Context) ([]record.Value, error) { startFake("daemon"); panic("all is lost") },
		"Killed":   func(context.Context) ([]record.Value, error) { return nil, syscall.Kill(os.Getpid(), syscall.SIGKILL) },
		"Burn":     func(context.Context) ([]record.Value, error) { return fine, startFake("burner").Wait() },
		"BurnAway": burnAway,
		"Daemon": func(ctx context.Context) ([]record.Value, error) {
			_ = startFake("daemon").Wait()
			<-ctx.Done()
			return nil, context.Cause(ctx)
		},
	} {
		c.Scenarios = append(c.Scenarios, scenario.Scenario(fakeScenario{name, run}))
	}
	slices.SortFunc(c.Scenarios, func(a, b scenario.Scenario) int { return strings.Compare(a.Name(), b.Name()) })
	return c
}

// burnAway returns when a process that was left to the guard has ended.
func burnAway(context.Context) ([]record.Value, error) {
	if err := startFake("burnaway").Wait(); err != nil {
		return nil, err
	}
	for len(livingFakes()) > 0 {
		time.Sleep(time.Millisecond)
	}
	return fine, nil
}

// livingFakes are the noted processes that are still there.
func livingFakes() []int {
	var living []int
	entries, _ := os.ReadDir(os.Getenv("FAKE_DIR"))
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil && !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			living = append(living, pid)
		}
	}
	return living
}

// fakeMeter counts its own starts.
type fakeMeter struct {
	unit               string
	starting, stopping error
	started, stopped   int
}

func (f *fakeMeter) Units() []record.Unit { return []record.Unit{{Name: f.unit, Better: "lower"}} }
func (f *fakeMeter) Start() error         { f.started++; return f.starting }
func (f *fakeMeter) Stop() ([]record.Value, error) {
	f.stopped++
	return []record.Value{{Value: float64(f.started), Unit: f.unit}}, f.stopping
}

// beLab takes a sample that does not end, until it is killed.
func beLab() {
	os.Unsetenv(envFake)
	w, err := Start(context.Background(), fakeConfig("worker"))
	if err == nil {
		_, err = w.Prepare(context.Background())
	}
	if err == nil {
		_, err = w.Sample(context.Background(), "Daemon")
	}
	fmt.Fprintln(os.Stderr, err)
}

// fakeConfig runs the test program as one of the fakes.
func fakeConfig(name string, env ...string) Config {
	return Config{Name: "fake", Program: "/proc/self/exe", Env: append(env, envFake+"="+name, "GORACE=atexit_sleep_ms=0")}
}
