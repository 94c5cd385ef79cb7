// SPDX-License-Identifier: MIT OR Apache-2.0

package lineup_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"arcbox.dev/bench/record"
	"arcbox.dev/scenarios/lineup"
	"arcbox.dev/scenarios/lineup/lineuptest"
	"arcbox.dev/scenarios/suite"
	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/worker"
)

// boots is a target that boots.
func boots() *lineuptest.System {
	units := []record.Unit{{Name: "agent_ready-ns", Better: "lower"}}
	return lineuptest.New("ColdBoot", units, func(int) ([]record.Value, error) {
		return []record.Value{{Value: 1, Unit: "agent_ready-ns"}}, nil
	})
}

func runs(count int) []suite.Run {
	return []suite.Run{{Scenario: "ColdBoot", Targets: []string{lineuptest.Target}, Count: count, Limit: time.Minute, CPUs: suite.DefaultCPUs, Memory: suite.DefaultMemory}}
}

// TestOneSide: a side alone has no label, and says nothing of revisions.
func TestOneSide(t *testing.T) {
	s := boots()
	wanted := append(runs(5), suite.Run{Scenario: "Nap", Targets: []string{lineuptest.Target}, Count: 1, CPUs: suite.DefaultCPUs, Memory: suite.DefaultMemory})
	big := wanted[0]
	big.CPUs, big.Memory = 2, 512<<20
	l, err := lineup.Prepare(t.Context(), []lineup.Side{lineuptest.Side("", s)}, append(wanted, big), func(string) {})
	require.NoError(t, err)
	require.Equal(t, []string{"Nap on uml:lean is left out: it does not know the scenario"}, l.LeftOut)
	require.Equal(t, []record.Label{{Key: "uml-lean", Value: "Linux 6.12"}}, l.Systems)
	jobs := l.Jobs(nil)
	require.Len(t, jobs, 2)
	require.Equal(t, "ColdBoot/target=uml/kernel=lean", jobs[0].Name)
	require.Equal(t, "ColdBoot/target=uml/kernel=lean/cpus=2/memory=512MiB", jobs[1].Name)
	require.Empty(t, jobs[0].Pair)
	require.Equal(t, 5, jobs[0].Count)
	require.NoError(t, l.Close())

	s.CheckErr = errors.New("it is not there")
	_, err = lineup.Prepare(t.Context(), []lineup.Side{lineuptest.Side("", s)}, runs(1), func(string) {})
	require.EqualError(t, err, "nothing can be measured: ColdBoot on uml:lean is left out: it is not there")
}

// TestLineup: what cannot be compared is said, and the rest is compared.
func TestLineup(t *testing.T) {
	const other = "Exec"
	missing := &target.MissingError{What: "there is no kernel", Remedy: "run make kernel"}
	for name, c := range map[string]struct {
		change     func(old, new *lineuptest.System)
		scenario   string
		leftOut    string
		broken     string
		benchmarks []string
	}{
		"alike": {func(old, new *lineuptest.System) {}, other, "", "", []string{"ColdBoot/target=uml/kernel=lean", "Exec/target=uml/kernel=lean"}},
		"new scenario": {func(old, new *lineuptest.System) { old.Ready.Scenarios = old.Ready.Scenarios[:1] }, other,
			"Exec on uml:lean is left out: revision old-revision: it does not know the scenario", "", []string{"ColdBoot/target=uml/kernel=lean"}},
		"gone": {func(old, new *lineuptest.System) { new.Ready.Scenarios = new.Ready.Scenarios[:1] }, other,
			"Exec on uml:lean is left out: revision new-revision: it does not know the scenario", "", []string{"ColdBoot/target=uml/kernel=lean"}},
		"no scenario of anyone": {func(old, new *lineuptest.System) {}, "Nap",
			"Nap on uml:lean is left out: revision old-revision: it does not know the scenario", "", []string{"ColdBoot/target=uml/kernel=lean"}},
		"another version": {func(old, new *lineuptest.System) { new.Ready.Scenarios[1].Version = 2 }, other,
			"Exec on uml:lean is left out: it measures something else since: version 1 in revision old-revision, 2 in new-revision", "", []string{"ColdBoot/target=uml/kernel=lean"}},
		"refused": {func(old, new *lineuptest.System) {
			new.Ready.Scenarios[1].Refusal = "target uml:lean does not run processes"
		}, other,
			"Exec on uml:lean is left out: revision new-revision: target uml:lean does not run processes", "", []string{"ColdBoot/target=uml/kernel=lean"}},
		"twice": {func(old, new *lineuptest.System) {}, "ColdBoot",
			"ColdBoot on uml:lean is left out: ColdBoot/target=uml/kernel=lean is there already", "", []string{"ColdBoot/target=uml/kernel=lean"}},
		"missing in the old one": {func(old, new *lineuptest.System) { old.CheckErr = missing }, other,
			"Exec on uml:lean is left out: revision old-revision: there is no kernel (run make kernel)", "", nil},
		"missing in both": {func(old, new *lineuptest.System) { old.CheckErr, new.CheckErr = missing, missing }, other,
			"Exec on uml:lean is left out: revision old-revision: there is no kernel (run make kernel)", "", nil},
		"broken by the new one": {func(old, new *lineuptest.System) { new.PrepareErr = errors.New("the guest hangs") }, other,
			"", "Exec on uml:lean is left out: it works in revision old-revision and not in new-revision: the guest hangs", nil},
		"labels differ": {func(old, new *lineuptest.System) { new.Ready.Labels = []record.Label{{Key: "target", Value: "kvm"}} }, other,
			"Exec on uml:lean is left out: the targets differ: [{target uml} {kernel lean}] in revision old-revision, [{target kvm}] in new-revision", "", nil},
	} {
		t.Run(name, func(t *testing.T) {
			old, new := boots(), boots()
			for _, f := range []*lineuptest.System{old, new} {
				f.Ready.Scenarios = append(f.Ready.Scenarios, worker.Described{Name: other, Version: 1, Units: []record.Unit{{Name: "exec_p50-ns", Better: "lower", Floor: 0.1}}})
			}
			c.change(old, new)
			wanted := append(runs(1), suite.Run{Scenario: c.scenario, Targets: []string{"uml:lean"}, Count: 1, CPUs: 1, Memory: 256 << 20})
			l, err := lineup.Prepare(t.Context(), []lineup.Side{lineuptest.Side("old", old), lineuptest.Side("new", new)}, wanted, func(string) {})
			if c.benchmarks == nil {
				require.Error(t, err)
				require.ErrorContains(t, err, c.leftOut+c.broken)
				require.Nil(t, l)
			} else {
				require.NoError(t, err)
				require.Equal(t, c.benchmarks, l.Benchmarks())
				require.Equal(t, "Linux 6.12", l.Systems[1].Value)
				require.Equal(t, "uml-lean-new", l.Systems[1].Key)
				require.Len(t, l.Systems, 2)
				if c.leftOut != "" {
					require.Equal(t, []string{c.leftOut}, l.LeftOut)
				}
				require.Empty(t, l.Broken)
				require.NoError(t, l.Close())
			}
			require.Equal(t, 1, old.Closed, "one worker for both scenarios")
			require.LessOrEqual(t, new.Closed, 1)
		})
	}
}

// TestTooOld: a base of which nothing can be measured ends it, with a remedy.
func TestTooOld(t *testing.T) {
	old := boots()
	old.CheckErr = errors.New(`unknown command "worker"`)
	_, err := lineup.Prepare(t.Context(), []lineup.Side{lineuptest.Side("old", old), lineuptest.Side("new", boots())}, runs(1), func(string) {})
	require.Equal(t, 1, old.Closed)
	require.ErrorContains(t, err, "revision old-revision cannot be measured (it may be too old: compare with a later one)")
	require.ErrorContains(t, err, `unknown command "worker"`)

	ended, end := context.WithCancel(t.Context())
	end()
	_, err = lineup.Prepare(ended, []lineup.Side{lineuptest.Side("old", boots()), lineuptest.Side("new", boots())}, runs(1), func(string) {})
	require.ErrorIs(t, err, context.Canceled)
}
