// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"context"
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/boot"
	"arcbox.dev/guest/agent/button"
)

// buttonGrace is what processes have between SIGTERM and SIGKILL when the power
// button is pressed.
const buttonGrace = 5 * time.Second

// inputDevices is where the power button is on a host with ACPI. One without has the
// kernel send a signal instead.
const inputDevices = "/dev/input"

// powerButton is where presses of it arrive.
var powerButton = make(chan os.Signal, 1)

// catchPowerButton takes the button over from the kernel, which would restart at
// once. The signal is caught before: of one that is not, Go's runtime would end.
func catchPowerButton() error {
	signal.Notify(powerButton, unix.SIGINT, unix.SIGPWR)
	return boot.CatchPowerButton()
}

// obeyPowerButton has the guest shut down in good order once the button was pressed,
// the one of a signal or one among the input devices in dir. Buttons are no longer
// looked at when ctx is done.
func (a *Agent) obeyPowerButton(ctx context.Context, dir string) {
	go button.Watch(ctx, dir, func() {
		select {
		case powerButton <- unix.SIGPWR:
		default: // pressed before
		}
	})
	go func() {
		<-powerButton
		complain(a.end(buttonGrace, false))
	}()
}

// power is the guest's own.
type power struct{}

func (power) Kill(sig unix.Signal) { unix.Kill(-1, sig) }

func (power) Off(reboot bool) error { return boot.PowerOff(reboot) }

func setClock(t time.Time) error {
	ts := unix.NsecToTimespec(t.UnixNano())
	return unix.ClockSettime(unix.CLOCK_REALTIME, &ts)
}
