// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"arcbox.dev/runtime/core"
	"arcbox.dev/runtime/hypervisor"
)

const (
	// stopGrace is how long a guest may take to power off once it was asked to.
	stopGrace = 10 * time.Second
	// drainGrace is how long the console's last bytes may take to get here.
	drainGrace = 2 * time.Second
)

// statusVM is the exit status when a guest ended otherwise than by a power off.
const statusVM = 1

// bootRaw boots a kernel and stays until the VM has ended.
func bootRaw(ctx context.Context, cfg core.RawConfig, trace bool) error {
	rt, _, err := newRuntime()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	caught := make(chan os.Signal, 4)
	signal.Notify(caught, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	signal.Ignore(syscall.SIGPIPE)
	booted := make(chan *core.VM, 1)
	go stopBySignal(caught, booted, cancel)

	vm, err := rt.BootRaw(ctx, cfg)
	if err != nil {
		return interrupted(ctx, err)
	}
	defer vm.Close()
	booted <- vm
	seat, err := openSeat(vm)
	if err != nil {
		return err
	}
	exit, err := vm.Wait(context.Background())
	seat.leave(drainGrace)
	if err != nil {
		return err
	}
	if trace {
		stats, _ := vm.Stats(context.Background())
		printTrace(os.Stderr, vm, stats)
	}
	vm.Close() // deferred calls do not run once main exits
	if err := interrupted(ctx, nil); err != nil {
		return err
	}
	if exit.Reason == hypervisor.ExitPowerOff || seat.ended() {
		return nil
	}
	fmt.Fprintln(os.Stderr, "arcbox:", describeEnd(exit))
	return exitStatus(statusVM)
}

// describeEnd is one line on how a VM ended.
func describeEnd(exit hypervisor.Exit) string {
	text := "the VM ended: " + string(exit.Reason)
	if exit.Detail != "" {
		text += ": " + exit.Detail
	}
	return text
}

// stopBySignal gives up the boot on a signal, or asks the guest to power off, and
// ends the VM at the next signal.
func stopBySignal(caught <-chan os.Signal, booted <-chan *core.VM, cancel context.CancelCauseFunc) {
	var vm *core.VM
	signals := 0
	for {
		select {
		case vm = <-booted:
		case s := <-caught:
			signals++
			cancel(signalError(s.(syscall.Signal)))
		}
		switch {
		case vm == nil || signals == 0:
		case signals == 1:
			go stop(vm)
		default:
			go vm.Kill()
		}
	}
}

func stop(vm *core.VM) {
	ctx, cancel := context.WithTimeout(context.Background(), stopGrace)
	defer cancel()
	vm.Stop(ctx)
}
