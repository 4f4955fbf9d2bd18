"""Further contexts of a build, under names: what they are to FROM, COPY ``--from`` and the mounts of RUN.

A name stands for a stage of that name, in whose place the context is, or else for an image of that name. It is
compared as docker shows names: ``alpine``, ``alpine:latest`` and ``docker.io/library/alpine`` are one, ``alpine:3.20``
is another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING

from boxwright.errors import InvalidError
from boxwright.oci.reference import InvalidReference, Reference
from boxwright.values import NamedTuple

if TYPE_CHECKING:
    from boxwright.build.context import Context, Material

OCI_LAYOUT = "oci-layout://"
RESULT = "result://"
"""Before the name of what is built together with this; nobody can write it where an image is named."""
_IMAGE = "docker-image://"
_LATEST = ":latest"


class InvalidContextName(InvalidError):
    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"invalid context name {name!r}: {why}", hint="it is like the name of a stage or of an image")
        self.name = name


class NamedContext(NamedTuple):
    """One of them, not looked at yet."""

    name: str
    """As docker shows it."""
    value: str
    """A folder, a URL, ``docker-image://NAME`` or ``oci-layout://FOLDER[:TAG|@DIGEST]``."""

    @property
    def image(self) -> str | None:
        """The image that it is, by a name for `boxwright.build.plan.Bases`; None where it is files."""
        if self.value.startswith(_IMAGE):
            return self.value.removeprefix(_IMAGE)
        return self.value if self.value.startswith((OCI_LAYOUT, RESULT)) else None

    @property
    def is_folder(self) -> bool:
        """It is spelled as a folder of whoever builds."""
        if "://" in self.value:
            return False
        from boxwright.dockerfile.git_url import parse_git_url

        return parse_git_url(self.value, bare_github=True) is None


class NamedContexts:
    """Those that hold files; each is opened when a step first takes files from it, once. Thread-safe."""

    def __init__(
        self, all: Mapping[str, NamedContext], open_: Callable[[NamedContext], AbstractContextManager[Context]]
    ) -> None:
        """What `open_` yields is left when the block of this object is."""
        self.all = all
        """By their names, as docker shows them."""
        self._open = open_
        self._stack = ExitStack()
        self._lock = threading.Lock()
        self._locks = {name: threading.Lock() for name in all}
        self._opened: dict[str, Context] = {}

    def __enter__(self) -> NamedContexts:
        return self

    def __exit__(self, *exception: object) -> None:
        self._stack.close()

    def open(self, name: str) -> Context:
        """Return a context, for one thread at a time; its files stay for the block. Raises what opening it raises."""
        with self._locks[name]:
            context = self._opened.get(name)
            if context is None:
                manager = self._open(self.all[name])
                context = self._opened[name] = manager.__enter__()
                with self._lock:
                    self._stack.push(manager)
            return context.private()

    def materials(self) -> dict[str, Material]:
        """Return what those are that were opened and came from elsewhere, by name."""
        with self._lock:
            opened = dict(self._opened)
        return {name: context.material for name, context in opened.items() if context.material is not None}


def named_contexts(values: Mapping[str, str]) -> dict[str, NamedContext]:
    """Return what a command line gives: name → value, by the names as docker shows them. Raises InvalidContextName."""
    found = {}
    for name, value in values.items():
        try:
            shown = _shown(name)
        except InvalidReference as error:
            raise InvalidContextName(name, error.message.rpartition(": ")[2]) from None
        found[shown] = NamedContext(shown, value)
    return found


def find_context(contexts: Mapping[str, NamedContext], name: str) -> NamedContext | None:
    """Return the context that stands for a stage or an image of this name, if one does."""
    if not contexts:
        return None
    try:
        return contexts.get(_shown(name))
    except InvalidReference:
        return None


def _shown(name: str) -> str:
    return Reference.parse(name).familiar().removesuffix(_LATEST)
