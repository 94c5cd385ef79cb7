// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"arcbox.dev/bench/report"
	"arcbox.dev/bench/report/chart"
	"arcbox.dev/bench/report/figure"
	"arcbox.dev/bench/report/page"
)

// page writes the page for a browser, if it was asked for.
func (o reportOptions) page(found []report.Measured) error {
	if o.html == "" {
		return nil
	}
	var b bytes.Buffer
	if err := page.Write(&b, found); err != nil {
		return err
	}
	return replace(o.html, b.Bytes())
}

// plots are the files of --plots, without their extension: each is drawn of the
// newest run of a benchmark.
var plots = []struct {
	file, base string
	draw       func(report.Measured) (*chart.Chart, error)
}{
	{"boot", "ColdBoot", figure.Spans},
	{"memory", "IdleMemory", figure.Kinds},
}

// drawPlots draws them, if they were asked for. One without a run is left out with
// an error, after the others.
func (o reportOptions) drawPlots(found []report.Measured) error {
	if o.plots == "" {
		return nil
	}
	if err := os.MkdirAll(o.plots, 0o755); err != nil {
		return fmt.Errorf("creating the folder for plots: %w", err)
	}
	var missing []error
	for _, p := range plots {
		newest, ok := newestOf(found, p.base)
		if !ok {
			missing = append(missing, fmt.Errorf("no plot of %s: there is no such run in %s (run 'arcbox-bench run')", p.base, o.results))
			continue
		}
		drawn, err := p.draw(newest)
		if err != nil {
			return err
		}
		write := drawn.WritePNG
		if o.format == "svg" {
			write = drawn.WriteSVG
		}
		var b bytes.Buffer
		if err := write(&b); err != nil {
			return err
		}
		if err := replace(filepath.Join(o.plots, p.file+"."+o.format), b.Bytes()); err != nil {
			return err
		}
	}
	return errors.Join(missing...)
}

// newestOf finds the newest plain run of a benchmark on any host.
func newestOf(found []report.Measured, base string) (newest report.Measured, ok bool) {
	for _, m := range report.Plain(found) { // oldest first
		if m.Table.Base == base {
			newest, ok = m, true
		}
	}
	return newest, ok
}

// replace writes a file as a whole or not at all.
func replace(path string, content []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(path), ".report-*")
	if err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	defer os.Remove(temp.Name()) // once it is renamed there is nothing to remove
	_, err = temp.Write(content)
	err = errors.Join(err, temp.Chmod(0o644), temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing the document: %w", err)
	}
	return nil
}
