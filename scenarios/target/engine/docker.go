// SPDX-License-Identifier: MIT OR Apache-2.0

//go:build unix

package engine

import (
	"context"
	"strings"

	"arcbox.dev/scenarios/target"
	"arcbox.dev/scenarios/target/program"
)

// Docker returns the Docker engine that the docker command talks to as a target that
// runs the lab's own program, a static one at the path tool.
func Docker(tool string) *Target {
	return dockerTarget("docker", "", "install the package docker.io", tool)
}

// DockerContext is Docker for a named context, which is how a desktop product offers
// its own engine. The target gets the product's name.
func DockerContext(name, dockerContext, tool string) *Target {
	return dockerTarget(name, dockerContext, "install the docker command, which comes with "+name, tool)
}

func dockerTarget(name, dockerContext, remedy, tool string) *Target {
	return &Target{
		name: name, tool: tool,
		dialect: dialect{
			program: "docker", remedy: remedy, ready: dockerReady,
			global: func(string) []string {
				if dockerContext == "" {
					return nil
				}
				return []string{"--context", dockerContext}
			},
			version: []string{"version", "--format", "Docker {{.Client.Version}}, engine {{.Server.Version}} {{.Server.Os}}/{{.Server.Arch}}"},
			archive: tarArchive,
			load:    func(archive, image string) []string { return []string{"import", archive, image} },
			run:     func() []string { return []string{"--pull", "never", "--network", "none"} },
			remove:  []string{"rm", "--force"}, removeImage: []string{"rmi", "--force"},
		},
	}
}

// dockerReady wants an engine that answers on a socket of this host.
func dockerReady(ctx context.Context, t *Target) error {
	where, err := t.command("", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}").Output(ctx)
	if err != nil {
		return &target.MissingError{What: t.name + " has no such docker context: " + err.Error(), Remedy: "start " + t.name}
	}
	if !strings.HasPrefix(where, "unix://") {
		return &target.MissingError{
			What:   "docker talks to another host, " + program.Printable(where),
			Remedy: "measure there, or unset DOCKER_HOST and choose a local context with `docker context use`",
		}
	}
	if _, err := t.command("", "version", "--format", "{{.Server.Version}}").Output(ctx); err != nil {
		return &target.MissingError{What: "no Docker engine answers: " + err.Error(), Remedy: "start it, and let this user access " + where}
	}
	return nil
}
