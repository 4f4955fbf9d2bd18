"""Conditional requests (RFC 9110 §13). An entity tag is a digest in quotes, so it never changes."""

from __future__ import annotations

from collections.abc import Mapping

from boxwright.oci.digest import Digest


def is_current(headers: Mapping[str, str], digest: Digest) -> bool:
    """Whether If-None-Match says that the client has this content already."""
    header = headers.get("If-None-Match")
    return header is not None and any(
        tag.strip().removeprefix("W/") in ("*", f'"{digest}"') for tag in header.split(",")
    )


def is_same(if_range: str | None, digest: Digest) -> bool:
    """Whether a Range still holds: there is no If-Range, or it names this content."""
    return if_range is None or if_range.strip() == f'"{digest}"'
