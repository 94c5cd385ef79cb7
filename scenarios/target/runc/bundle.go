// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package runc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"arcbox.dev/scenarios/target/program"
	"arcbox.dev/scenarios/target/rootfs"
)

// makeBundle makes the bundle that all containers share (OCI runtime specification,
// bundle.md).
func (t *Target) makeBundle(ctx context.Context) error {
	bundle := filepath.Join(t.folder.Path(), bundleName)
	if err := os.Mkdir(bundle, 0o700); err != nil {
		return fmt.Errorf("making a bundle: %w", err)
	}
	if err := rootfs.Make(filepath.Join(bundle, "rootfs"), t.tool); err != nil {
		return err
	}
	if _, err := (program.Command{Path: t.program, Args: []string{"spec", "--bundle", bundle}}).Output(ctx); err != nil {
		return fmt.Errorf("making a bundle: %w", err)
	}
	path := filepath.Join(bundle, "config.json")
	proposed, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("making a bundle: %w", err)
	}
	config, err := adapt(proposed)
	if err != nil {
		return fmt.Errorf("making a bundle of what %s proposes: %w", t.name, err)
	}
	if err := os.WriteFile(path, config, 0o600); err != nil {
		return fmt.Errorf("making a bundle: %w", err)
	}
	return nil
}

var errConfig = errors.New("it has no process or no root")

// adapt has a configuration (OCI runtime specification, config.md) run the lab's own
// program, without a terminal, in a root that can be written to.
func adapt(proposed []byte) ([]byte, error) {
	var config map[string]any
	if err := json.Unmarshal(proposed, &config); err != nil {
		return nil, err
	}
	process, hasProcess := config["process"].(map[string]any)
	root, hasRoot := config["root"].(map[string]any)
	if !hasProcess || !hasRoot {
		return nil, errConfig
	}
	process["args"], process["terminal"] = rootfs.Wait, false
	root["path"], root["readonly"] = "rootfs", false
	return json.Marshal(config)
}
