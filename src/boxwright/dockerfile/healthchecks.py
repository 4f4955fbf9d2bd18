"""HEALTHCHECK: what is tried, how often, and when it counts."""

from __future__ import annotations

import re

from boxwright.dockerfile.durations import parse_duration
from boxwright.dockerfile.flags import Flags, FlagSet, parse_flags
from boxwright.dockerfile.instructions import Healthcheck
from boxwright.dockerfile.parser import Node
from boxwright.dockerfile.source import DockerfileError

_FLAGS = FlagSet(frozenset({"interval", "timeout", "start-period", "start-interval", "retries"}))
_INTEGER = r"[+-]?[0-9]{1,20}"
_MIN_INTERVAL = 1_000_000  # a millisecond, in ns
_MAX_RETRIES = 2**31 - 1


def parse_healthcheck(node: Node, arguments: tuple[str, ...]) -> Healthcheck:
    """Return the instruction of a node with at least one argument. Raises DockerfileError."""
    kind, *words = arguments
    flags = parse_flags(node, _FLAGS)
    match kind.upper():
        case "NONE":
            if words:
                raise DockerfileError("HEALTHCHECK NONE takes no arguments", node.span)
            test: tuple[str, ...] = ("NONE",)
        case "CMD":
            if not words:
                raise DockerfileError("Missing command after HEALTHCHECK CMD", node.span)
            test = ("CMD" if node.json else "CMD-SHELL", *words)
        case _:
            raise DockerfileError(f'Unknown type "{kind}" in HEALTHCHECK (try CMD)', node.span, mark=kind)
    return Healthcheck(
        test,
        _interval(node, flags, "interval"),
        _interval(node, flags, "timeout"),
        _interval(node, flags, "start-period"),
        _interval(node, flags, "start-interval"),
        _retries(node, flags.get("retries")),
        node.original,
        node.span,
    )


def _interval(node: Node, flags: Flags, name: str) -> int:
    text = flags.get(name)
    if not text:
        return 0
    try:
        duration = parse_duration(text)
    except ValueError as error:
        raise DockerfileError(
            f"--{name}: {error}", node.span, mark=text, hint="a duration looks like 30s, 1m30s or 500ms"
        ) from None
    if duration and duration < _MIN_INTERVAL:
        raise DockerfileError(f'Interval "{name}" cannot be less than 1ms', node.span, mark=text)
    return duration


def _retries(node: Node, text: str | None) -> int:
    if not text:
        return 0
    if not re.fullmatch(_INTEGER, text) or abs(int(text)) > _MAX_RETRIES:
        raise DockerfileError(f"--retries is not a number: {text[:100]}", node.span, mark=text)
    if int(text) < 0:
        raise DockerfileError(f"--retries cannot be negative ({text})", node.span, mark=text)
    return int(text)
