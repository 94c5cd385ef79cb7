// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package agent

import (
	"os"
	"os/signal"
	"time"

	"golang.org/x/sys/unix"

	"arcbox.dev/guest/agent/boot"
)

// buttonGrace is what processes have between SIGTERM and SIGKILL when the power
// button is pressed.
const buttonGrace = 5 * time.Second

// catchPowerButton has the guest shut down in good order when the host presses it.
func (a *Agent) catchPowerButton() {
	pressed := make(chan os.Signal, 1)
	signal.Notify(pressed, unix.SIGINT, unix.SIGPWR)
	go func() {
		<-pressed
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
