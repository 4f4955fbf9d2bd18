"""One pass over a file system: every package that something in it tells of."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from typing import BinaryIO

from boxwright.layer.union import Node, UnionView
from boxwright.sbom import apk, dpkg, npm, python
from boxwright.sbom.distribution import Distribution, distribution_of
from boxwright.sbom.package import Package
from boxwright.values import NamedTuple

_DPKG = "/var/lib/dpkg/status"
_DPKG_PARTS = "/var/lib/dpkg/status.d/"
_APK = frozenset({"/lib/apk/db/installed", "/usr/lib/apk/db/installed"})
_RPM = frozenset({"/var/lib/rpm/rpmdb.sqlite", "/usr/lib/sysimage/rpm/rpmdb.sqlite"})
_RPM_BEFORE = frozenset({"/var/lib/rpm/Packages", "/var/lib/rpm/Packages.db", "/usr/lib/sysimage/rpm/Packages.db"})

_LARGEST_DATABASE = 256 << 20  # bytes
_LARGEST_FILE = 8 << 20
_SMALLEST_PROGRAM = 256 << 10  # one in Go has its runtime in it
_MOST_PACKAGES = 200_000
_MOST_NOTES = 100


class Inventory(NamedTuple):
    distribution: Distribution
    packages: tuple[Package, ...]
    """By kind, name, version and place; each once."""
    notes: tuple[str, ...]
    """What could not be read, and why: the inventory may lack what it would have told."""


def take_inventory(view: UnionView) -> Inventory:
    """Look through a file system. What is malformed is noted, never raised."""
    taking = _Taking(view, distribution_of(view))
    for node in view.walk():
        if node.is_file:
            taking.look(node)
            if len(taking.found) > _MOST_PACKAGES:
                taking.note(f"there are more than {_MOST_PACKAGES:,} packages: the rest is left out")
                break
    ordered = sorted(taking.found, key=lambda package: (package.kind, package.purl(), package.found))
    return Inventory(taking.distribution, tuple(ordered), tuple(taking.notes))


class _Taking:
    def __init__(self, view: UnionView, distribution: Distribution) -> None:
        self.view = view
        self.distribution = distribution
        self.found: dict[Package, None] = {}
        self.notes: list[str] = []

    def look(self, node: Node) -> None:
        """Take up what a file tells of."""
        import sqlite3

        try:
            self._add(self._packages(node))
        except (OSError, ValueError, RecursionError, sqlite3.Error) as error:
            self.note(f"{node.path} is left out: {error}")

    def note(self, text: str) -> None:
        if len(self.notes) < _MOST_NOTES:
            self.notes.append(text)

    def _add(self, packages: Iterable[Package]) -> None:
        for package in packages:
            self.found[package] = None

    def _packages(self, node: Node) -> Iterator[Package]:
        path = node.path
        if path == _DPKG or path.startswith(_DPKG_PARTS):
            if not path.endswith(".md5sums"):
                for found in dpkg.packages(_read(node, _LARGEST_DATABASE), path, self.distribution):
                    yield found._replace(licence=self._debian_licence(found.name))
        elif path in _APK:
            yield from apk.packages(_read(node, _LARGEST_DATABASE), path, self.distribution)
        elif path in _RPM:
            from boxwright.sbom import rpm

            _check(node, _LARGEST_DATABASE)
            yield from rpm.packages(node.location, path, self.distribution)
        elif path in _RPM_BEFORE:
            raise ValueError("it is a database of an older rpm, of before 4.16, or of another kind")
        elif python.is_metadata(path):
            package = python.package(_read(node, _LARGEST_FILE), path)
            if package is not None:
                yield package
        elif npm.is_manifest(path):
            package = npm.package(_read(node, _LARGEST_FILE), path)
            if package is not None:
                yield package
        elif node.stat.st_mode & stat.S_IXUSR and node.stat.st_size >= _SMALLEST_PROGRAM:
            from boxwright.sbom import golang

            with _open(node) as stream:
                yield from golang.packages(stream, path)

    def _debian_licence(self, name: str) -> str:
        from boxwright.sbom import copyright

        # Packages that are made together may share one file by a link, which the view follows.
        try:
            node = None if "/" in name else self.view.lookup(f"/usr/share/doc/{name}/copyright")
        except OSError:
            return ""  # links that lead in a circle
        if node is None or not node.is_file:
            return ""
        with _open(node) as stream:
            return copyright.licence(stream.read(copyright.LIMIT))


def _open(node: Node) -> BinaryIO:
    return open(os.open(node.location, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb")


def _check(node: Node, limit: int) -> None:
    if node.stat.st_size > limit:
        raise ValueError(f"it is longer than {limit:,} bytes")


def _read(node: Node, limit: int) -> bytes:
    _check(node, limit)
    with _open(node) as stream:
        return stream.read(limit)
