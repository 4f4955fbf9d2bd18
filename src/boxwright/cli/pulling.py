"""Pulling an image because something else needs it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from boxwright.cli.session import Session

if TYPE_CHECKING:
    from boxwright.engine.requests import CreateContainer

T = TypeVar("T")


def with_pull(
    session: Session, request: CreateContainer, create: Callable[[CreateContainer], T], *, quiet: bool = False
) -> T:
    """Return what `create` returns, pulling the image first where ``--pull`` says so or it isn't here."""
    from boxwright.store.images import ImageNotFound

    if request.pull == "always":
        _pull(session, request.image, quiet)
        return create(request)
    try:
        return create(request)
    except ImageNotFound:
        if request.pull == "never" or not _is_name(request.image):
            raise
    if not quiet:
        sys.stderr.write(f"Unable to find image '{request.image}' locally\n")
        sys.stderr.flush()
    _pull(session, request.image, quiet)
    return create(request)


def _is_name(text: str) -> bool:
    from boxwright.oci.reference import InvalidReference, Reference

    try:
        Reference.parse(text)
    except InvalidReference:
        return False
    return True


def _pull(session: Session, image: str, quiet: bool) -> None:
    from boxwright.cli.transfers import Progress

    with Progress(sys.stderr, quiet=quiet) as progress:
        session.engine.pull(image, sink=progress)
