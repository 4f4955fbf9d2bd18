"""What only root may do here."""

from __future__ import annotations

import os

from boxwright.errors import DeniedError


class NeedsRoot(DeniedError):
    """A use-case that sets owners, mounts and makes networks, asked for by another user."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} needs root", hint="use sudo; without it, images can be pulled, loaded, saved, tagged and pushed"
        )


def require_root(what: str) -> None:
    """Raise NeedsRoot unless the caller is root; `what` is a noun phrase that begins the message."""
    if os.geteuid() != 0:
        raise NeedsRoot(what)
