"""Platforms: ``os/architecture[/variant]`` (image-spec image-index.md "platform")."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from boxwright.errors import InvalidError
from boxwright.values import NamedTuple

_PART = r"[A-Za-z0-9_.-]+"
# What people and `uname -m` call an architecture → (Go's name, variant).
_ARCHITECTURES = {
    "x86_64": ("amd64", None),
    "x86-64": ("amd64", None),
    "aarch64": ("arm64", None),
    "i386": ("386", None),
    "i486": ("386", None),
    "i586": ("386", None),
    "i686": ("386", None),
    "armhf": ("arm", "v7"),
    "armel": ("arm", "v6"),
    "armv7l": ("arm", "v7"),
    "armv6l": ("arm", "v6"),
    "ppc64el": ("ppc64le", None),
}

# What Go calls architectures: an unknown one, alone, is a mistake.
_KNOWN = "386|amd64|arm|arm64|loong64|mips|mips64|mips64le|mipsle|ppc64|ppc64le|riscv64|s390x|sparc64|wasm"
_HINT = "a platform looks like linux/amd64 or linux/arm/v7"


class Platform(NamedTuple):
    os: str
    architecture: str
    variant: str | None = None

    @classmethod
    def parse(cls, text: str) -> Platform:
        """Parse ``linux/arm64/v8``, ``linux/amd64``, or ``arm64`` alone, which is for linux. Raises InvalidError.

        Alone it has to be an architecture that Go knows, as for docker; in a pair anything may be one.
        """
        parts = text.split("/")
        if not text or len(parts) > 3 or not all(re.fullmatch(_PART, part) for part in parts):
            raise InvalidError(f"invalid platform {text[:100]!r}", hint=_HINT)
        if len(parts) == 1:
            known = cls("linux", parts[0].lower()).normalised()
            if not re.fullmatch(_KNOWN, known.architecture):
                raise InvalidError(f"unknown architecture {text[:100]!r}", hint=_HINT)
            return known
        return cls(parts[0].lower(), parts[1].lower(), parts[2].lower() if len(parts) == 3 else None).normalised()

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Platform:
        variant = value.get("variant")
        return cls(
            str(value.get("os", "linux")), str(value.get("architecture", "")), str(variant) if variant else None
        ).normalised()

    @classmethod
    def of_machine(cls, machine: str) -> Platform:
        """Return the Linux platform of a `uname -m` name."""
        return cls("linux", machine).normalised()

    def normalised(self) -> Platform:
        """Return Go's names, with variants that say nothing (amd64 v1, arm64 v8) removed."""
        architecture, variant = _ARCHITECTURES.get(self.architecture, (self.architecture, None))
        variant = self.variant or variant
        if (architecture, variant) in (("amd64", "v1"), ("arm64", "v8"), ("arm64", "8")):
            variant = None
        if architecture == "arm":
            variant = "v" + variant.removeprefix("v") if variant else "v7"
        return Platform(self.os, architecture, variant)

    def to_json(self) -> dict[str, str]:
        value = {"architecture": self.architecture, "os": self.os}
        if self.variant:
            value["variant"] = self.variant
        return value

    def __str__(self) -> str:
        return "/".join(part for part in self if part)
