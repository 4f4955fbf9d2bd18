"""Instructions that change a configuration without a build: ``commit --change`` and ``import --change``."""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.build import metadata
from boxwright.dockerfile.expand import expand
from boxwright.dockerfile.instructions import (
    Cmd,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Label,
    Onbuild,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
    keyword,
)
from boxwright.dockerfile.parse import parse
from boxwright.dockerfile.source import DockerfileError, Source
from boxwright.oci.config import RunConfig

_ALLOWED = (Cmd, Entrypoint, Env, Expose, Healthcheck, Label, Onbuild, Shell, Stopsignal, User, Volume, Workdir)


def apply_changes(config: RunConfig, changes: Sequence[str]) -> RunConfig:
    """Return the configuration after instructions like those of a Dockerfile; variables are those of its Env.

    Raises DockerfileError for one that is wrong, or that is about more than the configuration.
    """
    cmd_set = False
    for text in changes:
        for instruction in parse(Source("--change", text)).instructions:
            if not isinstance(instruction, _ALLOWED):
                raise DockerfileError(
                    f"{keyword(instruction)} is not a change of the configuration",
                    instruction.span,
                    hint=f"possible are {', '.join(kind.__name__.upper() for kind in _ALLOWED)}",
                )
            expanded = expand(instruction, config.env_map()).instruction
            change = metadata.apply(expanded, config, cmd_set=cmd_set)
            config, cmd_set = change.config, change.cmd_set
    return config
