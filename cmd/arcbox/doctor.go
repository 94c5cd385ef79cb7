// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"arcbox.dev/runtime/hypervisor"
	"arcbox.dev/runtime/paths"
	"github.com/spf13/cobra"
)

// diagnosis is what doctor found; with --json it is printed as it is.
type diagnosis struct {
	Version string              `json:"version"`
	Uses    string              `json:"uses"` // the driver that run takes; empty if none works
	Drivers []hypervisor.Report `json:"drivers"`
	Paths   paths.Paths         `json:"paths"`
}

func doctorCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Say which drivers work here and, for each that does not, why and what to do",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			rt, p, err := newRuntime()
			if err != nil {
				return err
			}
			d := diagnosis{Version: version(), Drivers: rt.Probe(cmd.Context()), Paths: p}
			for _, r := range d.Drivers {
				if r.Usable && d.Uses == "" {
					d.Uses = r.Driver
				}
			}
			if asJSON {
				enc := json.NewEncoder(os.Stdout)
				enc.SetIndent("", "  ")
				err = enc.Encode(d)
			} else {
				d.print(os.Stdout)
			}
			if err == nil && d.Uses == "" {
				return exitStatus(1)
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func (d diagnosis) print(w io.Writer) {
	for _, r := range d.Drivers {
		verdict := "does not work here"
		if r.Usable {
			verdict = "works"
		}
		if r.Driver == d.Uses {
			verdict += ", and is used"
		}
		fmt.Fprintf(w, "%s: %s\n", r.Driver, verdict)
		for _, l := range []struct{ label, text string }{
			{"kernel", r.Version}, {"why", r.Reason}, {"what to do", r.Remedy}, {"isolation", r.Isolation},
		} {
			if l.text != "" {
				fmt.Fprintf(w, "  %s: %s\n", l.label, l.text)
			}
		}
		for _, n := range r.Notes {
			fmt.Fprintf(w, "  note: %s\n", n)
		}
	}
	fmt.Fprintf(w, "images are kept in %s, kernels in %s\n", d.Paths.Data, d.Paths.Cache)
}
