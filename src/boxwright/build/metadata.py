"""What instructions do to an image's configuration, and how its history tells of them."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterable, Sequence

from boxwright.dockerfile.instructions import (
    Add,
    Arg,
    Cmd,
    Copy,
    Entrypoint,
    Env,
    Expose,
    Healthcheck,
    Instruction,
    Label,
    Maintainer,
    Onbuild,
    Shell,
    Stopsignal,
    User,
    Volume,
    Workdir,
)
from boxwright.oci import config as oci
from boxwright.oci.config import RunConfig
from boxwright.values import NamedTuple

COMMENT = "buildkit.dockerfile.v0"
"""What tools look for to know how to read the history."""

_DEFAULT_SHELL = ("/bin/sh", "-c")


class Change(NamedTuple):
    config: RunConfig
    history: str
    """Empty when the history doesn't tell of it: a trigger is told when it fires."""
    cmd_set: bool
    """A CMD was given in this stage, so that an ENTRYPOINT doesn't reset it."""
    author: str = ""
    """Empty when the instruction says nothing about it."""


def apply(instruction: Instruction, config: RunConfig, *, cmd_set: bool) -> Change:
    """Return the configuration after an expanded instruction that changes no files (WORKDIR: beyond the directory).

    FROM, RUN, COPY and ADD change nothing here, and their history is `run_history` and `copy_history`.
    """
    history = instruction.original
    author = ""
    match instruction:
        case Maintainer():
            author, history = instruction.author, f"MAINTAINER {instruction.author}"
        case Env():
            config = config.with_env(dict(instruction.pairs))
            history = f"ENV {_pairs(instruction.pairs)}"
        case Label():
            config = config._replace(labels={**config.labels, **dict(instruction.pairs)})
            history = f"LABEL {_pairs(instruction.pairs)}"
        case Arg():
            values = (name if value is None else f"{name}={value}" for name, value in instruction.values)
            history = f"ARG {' '.join(values)}"
        case Cmd():
            argv = instruction.command.resolve(config.shell or _DEFAULT_SHELL)
            config, cmd_set = config._replace(cmd=argv), True
            history = f"CMD {_words(argv)}"
        case Entrypoint():
            argv = instruction.command.resolve(config.shell or _DEFAULT_SHELL)
            # An inherited CMD holds arguments for the inherited ENTRYPOINT.
            config = config._replace(entrypoint=argv, cmd=config.cmd if cmd_set else None)
            history = f"ENTRYPOINT {_words(argv)}"
        case Expose():
            config = config._replace(exposed_ports=tuple(sorted({*config.exposed_ports, *instruction.ports})))
            history = f"EXPOSE [{' '.join(instruction.ports)}]"
        case Volume():
            config = config._replace(volumes=tuple(sorted({*config.volumes, *instruction.paths})))
            history = f"VOLUME [{' '.join(instruction.paths)}]"
        case User():
            config, history = config._replace(user=instruction.user), f"USER {instruction.user}"
        case Workdir():
            path = posixpath.normpath(posixpath.join("/", config.working_dir, instruction.path)).replace("//", "/")
            config, history = config._replace(working_dir=path), f"WORKDIR {path}"
        case Stopsignal():
            config, history = config._replace(stop_signal=instruction.signal), f"STOPSIGNAL {instruction.signal}"
        case Healthcheck():
            health = oci.Healthcheck(
                instruction.test,
                instruction.interval,
                instruction.timeout,
                instruction.start_period,
                instruction.start_interval,
                instruction.retries,
            )
            config = config._replace(healthcheck=health)
        case Shell():
            config, history = config._replace(shell=instruction.argv), f"SHELL [{' '.join(instruction.argv)}]"
        case Onbuild():
            config, history = config._replace(on_build=(*config.on_build, instruction.trigger)), ""
    return Change(config, history, cmd_set, author)


def buildkit(text: str) -> str:
    """Return the history of a step that makes a layer."""
    return f"{text} # buildkit"


def run_history(argv: Sequence[str], arguments: Iterable[tuple[str, str]]) -> str:
    """Return the history of a RUN; `arguments` are the stage's ARGs."""
    values = [f"{name}={value}" for name, value in arguments]
    prefix = f"|{len(values)} {' '.join(values)} " if values else ""
    return buildkit(f"RUN {prefix}{' '.join(argv)}")


def copy_history(instruction: Copy | Add) -> str:
    """Return the history of an expanded COPY or ADD."""
    words = ["ADD" if isinstance(instruction, Add) else "COPY"]
    if isinstance(instruction, Copy) and instruction.parents:
        words.append("--parents")
    if instruction.chown is not None:
        words.append(f"--chown={instruction.chown}")
    if instruction.chmod is not None:
        words.append(f"--chmod={instruction.chmod}")
    files = (f"<<{heredoc.marker.name}" for heredoc in instruction.heredocs)
    return buildkit(" ".join((*words, *instruction.sources, *files, instruction.destination)))


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return " ".join(f"{name}={value}" for name, value in pairs)


def _words(words: Sequence[str]) -> str:
    return "[" + " ".join(json.dumps(word, ensure_ascii=False) for word in words) + "]"
