"""Registries and folders as ends of a mirror, and the repositories in them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from fnmatch import fnmatchcase
from types import TracebackType
from typing import Protocol

from boxwright.engine.clients import client, refuse_blocked
from boxwright.engine.settings import Settings
from boxwright.errors import InvalidError
from boxwright.host.paths import Path
from boxwright.oci.reference import Reference
from boxwright.remote.client import RegistryClient
from boxwright.remote.ends import Source, Target
from boxwright.remote.layout import LayoutFolder
from boxwright.remote.progress import Notice
from boxwright.values import NamedTuple

_FOLDER = "oci:"
_WILD = re.compile(r"[*?\[]")


class InvalidPlace(InvalidError):
    """Text that names no repositories."""

    def __init__(self, text: str, why: str) -> None:
        super().__init__(
            f"invalid place {text!r}: {why}",
            hint="a place looks like host/repository, host/namespace/*, oci:FOLDER or oci:FOLDER/*",
        )
        self.text = text


class End(Source, Target, Protocol):
    """What a mirror needs of a registry, or of a folder that stands for one."""

    def tags(self, path: str) -> Iterator[str]: ...

    def delete(self, path: str, name: str) -> object: ...


class Place(NamedTuple):
    """Repositories, as somebody wrote them."""

    text: str
    domain: str
    """A registry's; "" for folders."""
    pattern: str
    """A path in the registry, or of a folder; with wildcards, of several."""

    @property
    def is_many(self) -> bool:
        """Whether it stands for several repositories."""
        return _WILD.search(self.pattern) is not None

    @property
    def base(self) -> str:
        """What all of several repositories begin with: up to the last slash before the first wildcard."""
        wild = _WILD.search(self.pattern)
        assert wild is not None, "it stands for several"
        return self.pattern[: self.pattern.rfind("/", 0, wild.start()) + 1]


class Repository(NamedTuple):
    """One repository at an end."""

    end: End
    reference: Reference
    """Its name, without a tag."""

    @property
    def name(self) -> str:
        return f"{self.reference.domain}/{self.reference.path}"


def parse_place(text: str) -> Place:
    """Return what ``host/repository``, ``host/namespace/*``, ``oci:FOLDER`` or ``oci:FOLDER/*`` means.

    A wildcard stands for any characters, slashes too: ``host/*`` is all of a registry. Raises InvalidPlace.
    """
    if text.startswith(_FOLDER):
        folder = text.removeprefix(_FOLDER)
        if not folder:
            raise InvalidPlace(text, "the folder is missing")
        if _WILD.search(folder) and (not folder.endswith("/*") or _WILD.search(folder[:-1])):
            raise InvalidPlace(text, "of folders, only /* at the end stands for several")
        return Place(text, "", folder)
    if not _WILD.search(text):
        reference = Reference.parse(text)
        if reference.tag or reference.digest:
            raise InvalidPlace(text, "it names one image, and repositories were asked for")
        return Place(text, reference.domain, reference.path)
    domain, slash, pattern = text.partition("/")
    if not slash or _WILD.search(domain) or not ("." in domain or ":" in domain or domain == "localhost"):
        raise InvalidPlace(text, "with a wildcard it begins with a registry's name")
    return Place(text, domain, pattern)


class Ends:
    """Everything that is spoken to, each registry by one client. For one thread to open, for any to use."""

    __slots__ = ("_folders", "_notice", "_registries", "_settings", "_stack")

    def __init__(self, settings: Settings, notice: Callable[[Notice], object] | None = None) -> None:
        self._settings = settings
        self._notice = notice
        self._stack = ExitStack()
        self._registries: dict[tuple[str, tuple[str, ...]], RegistryClient] = {}
        self._folders: dict[str, LayoutFolder] = {}

    def __enter__(self) -> Ends:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            self.cancel()
        self._stack.close()

    def cancel(self) -> None:
        """Make everything that is under way raise CancelledError."""
        for one in self._registries.values():
            one.cancel()

    def pairs(
        self, source: Place, destination: Place, insecure: Sequence[str] = ()
    ) -> list[tuple[Repository, Repository]]:
        """Return the repositories that a source stands for, each with the one that is to be like it.

        In a destination with ``*``, what a repository has behind the source's `base` takes its place. Raises
        InvalidError; RegistryFailure and ConnectionFailed when a registry doesn't list its repositories.
        """
        if source.is_many != destination.is_many:
            one, other = (source, destination) if source.is_many else (destination, source)
            raise InvalidError(
                f"{one.text} stands for several repositories, {other.text} for one", hint="give both a *, or none"
            )
        trusted = tuple(insecure)
        if not source.is_many:
            pairs = [(self._one(source, source.pattern, trusted), self._one(destination, destination.pattern, trusted))]
        else:
            if destination.pattern.count("*") != 1 or len(_WILD.findall(destination.pattern)) != 1:
                raise InvalidPlace(destination.text, "as a destination it has one * and no other wildcard")
            pairs = []
            for rest in self._below(source, trusted):
                there = destination.pattern.replace("*", rest)
                pairs.append((self._one(source, source.base + rest, trusted), self._one(destination, there, trusted)))
        for here, target in pairs:
            if (here.end.domain, here.reference.path) == (target.end.domain, target.reference.path):
                raise InvalidError(f"{here.name} would be copied onto itself")
        return pairs

    def folders(self) -> list[LayoutFolder]:
        """Return the folders that have been spoken to."""
        return list(self._folders.values())

    def _one(self, place: Place, path: str, insecure: tuple[str, ...]) -> Repository:
        if place.domain:
            reference = Reference(place.domain, path)
            refuse_blocked(self._settings, reference)
            return Repository(self._registry(place.domain, insecure), reference)
        folder = Path(path)
        return Repository(self._folder(folder), Reference(_FOLDER + str(folder.parent), folder.name))

    def _below(self, place: Place, insecure: tuple[str, ...]) -> list[str]:
        """Return what the repositories of a place have behind its base."""
        base = place.base
        if place.domain:
            found = self._registry(place.domain, insecure).repositories()
            return sorted(name.removeprefix(base) for name in found if fnmatchcase(name, place.pattern))
        layouts = [folder for folder, _, files in os.walk(base) if "oci-layout" in files]
        return sorted(os.path.relpath(folder, base) for folder in layouts)

    def _registry(self, domain: str, insecure: tuple[str, ...]) -> RegistryClient:
        key = domain, insecure
        if key not in self._registries:
            made = client(self._settings, domain, insecure, notice=self._notice, purpose="copy")
            self._registries[key] = self._stack.enter_context(made)
        return self._registries[key]

    def _folder(self, folder: Path) -> LayoutFolder:
        name = str(folder)
        if name not in self._folders:
            made = self._folders[name] = LayoutFolder(folder)
            self._stack.callback(made.close)
        return self._folders[name]
