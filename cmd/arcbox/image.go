// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build linux

package main

import (
	"fmt"

	"github.com/spf13/cobra"
)

func imageCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "image", Short: "Manage images", Args: cobra.NoArgs}
	var name string
	load := &cobra.Command{
		Use:   "load [--name NAME] PATH",
		Short: "Load an image from an OCI layout folder or an archive (OCI or docker save)",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("one path is needed (see '%s --help')", cmd.CommandPath())}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			rt, _, err := newRuntime()
			if err != nil {
				return err
			}
			img, err := rt.LoadImage(cmd.Context(), args[0], name)
			if err != nil {
				return err
			}
			fmt.Printf("%s\t%s\n", img.Name, img.Digest)
			return nil
		},
	}
	load.Flags().StringVar(&name, "name", "", "the image's name (default: the one that is in the archive)")
	cmd.AddCommand(load)
	return cmd
}
