"""``--sbom``, ``--provenance`` and ``--attest``: what is to be said of an image that is built."""

from __future__ import annotations

from collections.abc import Sequence

from boxwright.cli.parsing import UsageError
from boxwright.values import NamedTuple

_FORMS = ("spdx", "cyclonedx")
_MODES = ("min", "max")
_YES, _NO = ("true", "1"), ("false", "0")


class Attestations(NamedTuple):
    sbom: str | None
    """Its form."""
    provenance: str | None
    """Its mode."""


def attestations(sbom: str | None, provenance: str | None, attest: Sequence[str]) -> Attestations:
    """Read the three flags; what they say last of one kind counts, and the short flags go before. Raises UsageError."""
    wanted: dict[str, str | None] = {}
    for text in attest:
        kind, options = _kind(text)
        wanted[kind] = _choice(kind, options, f"--attest {text}")
    for kind, said in (("sbom", sbom), ("provenance", provenance)):
        if said is not None:
            wanted[kind] = _choice(kind, _options(said, f"--{kind}={said}"), f"--{kind}={said}")
    return Attestations(wanted.get("sbom"), wanted.get("provenance"))


def _kind(text: str) -> tuple[str, dict[str, str]]:
    options = _options(text, f"--attest {text}")
    kind = options.pop("type", "")
    if kind not in ("sbom", "provenance"):
        raise UsageError(f"--attest {text}: unknown type {kind!r}", hint="there are type=sbom and type=provenance")
    return kind, options


def _options(text: str, flag: str) -> dict[str, str]:
    """Return ``name=value`` pairs; a word alone switches on or off, or is the form or the mode itself."""
    options = {}
    for part in text.split(","):
        name, equals, value = part.strip().partition("=")
        if equals:
            options[name] = value
        elif name in _NO:
            options["disabled"] = "true"
        elif name in _MODES:
            options["mode"] = name
        elif name in _FORMS:
            options["format"] = name
        elif name not in _YES and name:
            raise UsageError(f"{flag}: {name!r} is not understood", hint="say true, false, or name=value")
    return options


def _choice(kind: str, options: dict[str, str], flag: str) -> str | None:
    off = options.pop("disabled", "false")
    if off not in (*_YES, *_NO):
        raise UsageError(f"{flag}: disabled={off} is neither true nor false", hint="leave it out")
    if kind == "sbom" and "generator" in options:
        raise UsageError(
            f"{flag}: another generator is not supported", hint="boxwright reads the image itself: leave generator out"
        )
    name, choices = ("format", _FORMS) if kind == "sbom" else ("mode", _MODES)
    chosen = options.pop(name, choices[0])
    if options:
        raise UsageError(f"{flag}: unknown option {min(options)!r}", hint=f"{kind} has {name} and disabled")
    if chosen not in choices:
        raise UsageError(f"{flag}: unknown {name} {chosen!r}", hint=f"there are {' and '.join(choices)}")
    return None if off in _YES else chosen
