// SPDX-License-Identifier: MIT OR Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"strings"
)

// parseConfig reads a kernel configuration: CONFIG_NAME=value and "# CONFIG_NAME
// is not set", which is the value n.
func parseConfig(data []byte) (map[string]string, error) {
	options := map[string]string{}
	s := bufio.NewScanner(bytes.NewReader(data))
	for n := 1; s.Scan(); n++ {
		line := strings.TrimSpace(s.Text())
		if name, ok := strings.CutSuffix(line, " is not set"); ok && strings.HasPrefix(name, "# CONFIG_") {
			options[strings.TrimPrefix(name, "# ")] = "n"
			continue
		}
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if !ok || !strings.HasPrefix(name, "CONFIG_") {
			return nil, fmt.Errorf("line %d of the configuration is neither an option nor a comment: %q", n, line)
		}
		options[name] = value
	}
	if err := s.Err(); err != nil {
		return nil, fmt.Errorf("reading a configuration: %w", err)
	}
	return options, nil
}

// survived checks that every option that the fragment sets came out of the
// configuration step with its value. An option whose dependencies are not met, or
// that this Linux does not have, is dropped there without a word.
func survived(fragment, result []byte) error {
	wanted, err := parseConfig(fragment)
	if err != nil {
		return err
	}
	got, err := parseConfig(result)
	if err != nil {
		return err
	}
	var lost []string
	s := bufio.NewScanner(bytes.NewReader(fragment)) // once more, for the order
	for s.Scan() {
		name, _, _ := strings.Cut(s.Text(), "=")
		value, ok := wanted[name]
		if !ok {
			continue
		}
		if has, there := got[name]; has != value && (there || value != "n") {
			lost = append(lost, fmt.Sprintf("missing %s=%s", name, value))
		}
	}
	if len(lost) > 0 {
		return fmt.Errorf("the configuration of this Linux lacks what the recipe asks for: %s", strings.Join(lost, ", "))
	}
	return nil
}
