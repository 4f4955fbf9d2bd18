"""Whom a provider has proven."""

from __future__ import annotations

from boxwright.values import NamedTuple


class Identity(NamedTuple):
    """Somebody: `subject` is theirs for ever at this `issuer`, and everything else may change."""

    issuer: str
    subject: str
    username: str
    """What the claim for names says; "" where there is none."""
    groups: frozenset[str] | None = None
    """What the claim for groups says; None where there is none."""
