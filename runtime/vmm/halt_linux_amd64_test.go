// SPDX-License-Identifier: MIT OR Apache-2.0

package vmm

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/runtime/vmm/asmtest"
)

// halts wants the VM to be found halted. That takes less than a second where threads
// run when they can, which a machine that tests much at once does not promise.
func (g *guest) halts() {
	g.t.Helper()
	start := time.Now()
	g.ends(Halted)
	took := time.Since(start)
	g.t.Logf("found after %v", took.Round(time.Millisecond))
	require.Less(g.t, took, 5*time.Second)
}

func TestHaltedForGood(t *testing.T) {
	t.Parallel()
	t.Run("one vCPU", func(t *testing.T) {
		t.Parallel()
		g := newGuest(t, 1)
		g.start32(new(asmtest.Program).Tell(toldPort, 'd').CLI().HLT())
		g.hears('d')
		g.halts()
	})
	t.Run("the others were never started", func(t *testing.T) {
		t.Parallel()
		g := newGuest(t, 3)
		g.start32(new(asmtest.Program).Tell(toldPort, 'd').CLI().HLT())
		g.hears('d')
		g.halts()
	})
}

// TestIdle: a guest that waits for interrupts is not taken for one that has halted,
// and is looked at once only, until it has run again.
func TestIdle(t *testing.T) {
	t.Parallel()
	g := newGuest(t, 2)
	fd, err := g.vm.IRQ(testGSI)
	require.NoError(t, err)
	g.start64(g.interruptible().STI().HLT().CLI().HLT())
	g.hears('r')
	time.Sleep(3*lookEvery + lookEvery/2)
	looked := g.vm.Exits()[exitNames[exitInterrupted]]
	require.GreaterOrEqual(t, looked, uint64(1), "nobody has looked")
	time.Sleep(4 * lookEvery)
	require.Equal(t, looked, g.vm.Exits()[exitNames[exitInterrupted]], "an idle guest was disturbed again")
	select {
	case <-g.vm.Done():
		require.Fail(t, "the VM has ended")
	default:
	}
	signal(t, fd)
	g.hears('i')
	g.halts()
}

// TestOneRuns: a VM has not halted while one of its vCPUs runs.
func TestOneRuns(t *testing.T) {
	t.Parallel()
	const page = 0x9000
	g := newGuest(t, 2)
	copy(g.mem[page:], []byte{0xeb, 0xfe}) // jmp $
	g.start32(new(asmtest.Program).Poke(asmtest.LAPICSpurious, asmtest.LAPICOn).
		Poke(asmtest.LAPICICRHigh, 1<<24).Poke(asmtest.LAPICICRLow, 0x4500).Poke(asmtest.LAPICICRLow, 0x4600|page>>12).
		CLI().HLT())
	select {
	case <-g.vm.Done():
		reason, detail := g.vm.Reason()
		require.Failf(t, "the VM has ended", "%s: %s", reason, detail)
	case <-time.After(4 * lookEvery):
	}
}

// TestHaltedWhilePaused: a paused VM does not end by itself.
func TestHaltedWhilePaused(t *testing.T) {
	t.Parallel()
	g := newGuest(t, 1)
	g.start32(new(asmtest.Program).Tell(toldPort, 'd').CLI().HLT())
	g.hears('d')
	require.NoError(t, g.vm.Pause(t.Context()))
	time.Sleep(3*lookEvery + lookEvery/2)
	reason, _ := g.vm.Reason()
	require.Empty(t, reason)
	require.NoError(t, g.vm.Resume())
	g.halts()
}

// TestLookFails: where a device keeps a vCPU waiting, nobody can tell until it answers.
func TestLookFails(t *testing.T) {
	t.Parallel()
	g := newGuest(t, 2)
	answer := make(chan struct{})
	require.NoError(t, g.pio.Add(0x200, 1, hook{read: func(uint64, []byte) { <-answer }}))
	g.start32(new(asmtest.Program).EDX(0x200).In8().CLI().HLT())
	time.Sleep(3*lookEvery + lookEvery/2)
	reason, _ := g.vm.Reason()
	require.Empty(t, reason)
	close(answer)
	g.halts()
}

func TestWatch(t *testing.T) {
	const ms = time.Millisecond
	tests := []struct {
		name  string
		ticks [][]time.Duration // CPU times since the tick before
		want  []bool
	}{
		{"runs on", [][]time.Duration{{5}, {5}, {5}}, []bool{false, false, false}},
		{"never ran", [][]time.Duration{{0}, {0}, {0}}, []bool{true, false, false}},
		{"stops", [][]time.Duration{{5}, {0}, {0}, {0}}, []bool{false, true, false, false}},
		{"the look's own time", [][]time.Duration{{5}, {0}, {ms / 2}, {0}, {0}}, []bool{false, true, false, false, false}},
		{"runs after a look", [][]time.Duration{{5}, {0}, {2 * ms}, {0}, {0}}, []bool{false, true, false, true, false}},
		{"runs a little, later", [][]time.Duration{{5}, {0}, {ms / 2}, {1}, {0}, {0}}, []bool{false, true, false, false, true, false}},
		{"one of two", [][]time.Duration{{5, 5}, {0, 5}, {0, 0}, {0, 0}}, []bool{false, false, true, false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWatch(len(tt.ticks[0]))
			times := make([]time.Duration, len(tt.ticks[0]))
			var got []bool
			for _, tick := range tt.ticks {
				for i := range times {
					times[i] += tick[i]
				}
				got = append(got, w.idle(times))
			}
			require.Equal(t, tt.want, got)
		})
	}
}
