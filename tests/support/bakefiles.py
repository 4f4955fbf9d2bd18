"""Bake files in tests: a text is read, with an environment that the test gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boxwright.bake.bodies import parse_hcl
from boxwright.bake.definition import Definition, File, read
from boxwright.bake.overrides import Override
from boxwright.bake.scope import Outside, Scope
from boxwright.bake.selection import Selection, select
from boxwright.dockerfile.source import Source
from boxwright.errors import NotFoundError

BUILTIN = {"BAKE_CMD_CONTEXT": "cwd://", "BAKE_LOCAL_PLATFORM": "linux/amd64"}


def evaluate(expression: str, **variables: Any) -> Any:
    """Return the value of an expression in HCL; `variables` are texts."""
    body = parse_hcl(Source("docker-bake.hcl", f"value = {expression}\n"))
    return Scope([body], Outside(lambda name: None, variables)).variable("value")


def nothing_further(path: str) -> File:
    raise NotFoundError(f"there is no bake file {path}")


def define(*texts: str | tuple[str, str], environ: Mapping[str, str] | None = None) -> Definition:
    """Read files, each a text in HCL or a name and a text."""
    files = [("docker-bake.hcl", text) if isinstance(text, str) else text for text in texts]
    given = environ or {}
    read_files = [File(name, text.encode()) for name, text in files]
    return read(read_files, Outside(given.get, BUILTIN), given, nothing_further)


def choose(
    *texts: str | tuple[str, str],
    targets: tuple[str, ...] = ("default",),
    overrides: tuple[str, ...] = (),
    environ: Mapping[str, str] | None = None,
) -> Selection:
    parsed = [Override.parse(text, (environ or {}).get) for text in overrides]
    return select(define(*texts, environ=environ), targets, [each for each in parsed if each is not None])


def shown(*texts: str | tuple[str, str], **options: Any) -> dict[str, Any]:
    """Return the targets as ``--print`` shows them."""
    found: dict[str, Any] = choose(*texts, **options).to_json()["target"]
    return found
