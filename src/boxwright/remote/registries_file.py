"""What podman and its kin were told of registries: the tables ``[[registry]]`` of registries.conf.

[[registry]]
prefix = "docker.io/library"      # the longest that matches counts; "*.example.com" is every host below
location = "registry.lan/base"    # where that really is; pulls alone go there
insecure = true                   # plain HTTP, and any certificate
blocked = false                   # nothing comes from there, and nothing goes there
[[registry.mirror]]
location = "mirror.lan:5000/base"
insecure = false
pull-from-mirror = "digest-only"  # or "tag-only", or "all"

(containers-registries.conf(5)). Short names are docker.io's here, as they are for docker: search lists and aliases
don't count. Of the older form ([registries.insecure], [registries.block]) the two lists are read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

from boxwright.errors import DeniedError, InvalidError
from boxwright.host.paths import Path
from boxwright.oci.reference import Reference
from boxwright.remote.endpoint import split_host
from boxwright.remote.hosts import InvalidRegistriesFile, user_configuration
from boxwright.values import NamedTuple

SYSTEM = Path("/etc/containers")

_HINT = "podman and skopeo read this file; what config.toml says of a registry goes before it"
_TABLE = re.compile(r"^[ \t]*\[\[[ \t]*registry[ \t]*\]\]", re.MULTILINE)
_PLACE = re.compile(r"\(at line (\d+), column \d+\)")

Wanted: TypeAlias = Literal["all", "digest-only", "tag-only"]
_WANTED: tuple[Wanted, ...] = ("all", "digest-only", "tag-only")


class BlockedRegistry(DeniedError):
    """A registry, or a part of one, that nobody is to use."""

    def __init__(self, name: str, rule: Rule) -> None:
        host = rule.prefix.partition("/")[0].removeprefix("*.")
        super().__init__(
            f"{name} is blocked in {rule.origin}", hint=f'a table [registry."{host}"] in config.toml goes before it'
        )
        self.rule = rule


class RuleMirror(NamedTuple):
    location: str
    """``host[:port]``, perhaps with the beginning of a path: it stands in the rule's prefix's stead."""
    insecure: bool = False
    wanted: Wanted = "all"
    """Which references it is asked for."""

    def serves(self, reference: Reference) -> bool:
        return self.wanted == "all" or (self.wanted == "digest-only") == (reference.digest is not None)


class Rule(NamedTuple):
    """One table, for all names that begin with its prefix."""

    prefix: str
    location: str
    """What stands in its stead; empty: itself."""
    insecure: bool
    blocked: bool
    mirrors: tuple[RuleMirror, ...]
    origin: str
    """The file, with the line where that is known."""

    def matched(self, name: str) -> int:
        """Return how long the beginning of a name (``host/path``) is that the prefix means, 0 for none."""
        if self.prefix.startswith("*."):
            host = name.partition("/")[0]
            bare = host.rpartition(":")[0] if ":" in host and not host.endswith("]") else host
            return len(bare) if bare.endswith(self.prefix[1:]) else 0
        rest = name.removeprefix(self.prefix)
        return len(self.prefix) if rest != name and (not rest or rest[0] in "/:") else 0

    def moved(self, reference: Reference, location: str) -> Reference:
        """Return what a reference is called at `location`. Raises InvalidError when that is no name."""
        rest = reference.repository[self.matched(reference.repository) :]
        domain, _, path = f"{location}{rest}".partition("/")
        split_host(domain)
        if not path:
            raise InvalidError(f"{self.origin}: {location} leaves {reference.repository} no name")
        return reference._replace(domain=domain, path=path)


class Rules(NamedTuple):
    """All tables; of two with the same prefix the later file's counts."""

    rules: tuple[Rule, ...] = ()

    def find(self, name: str) -> Rule | None:
        """Return the rule for a name (``host/path``, or a host alone): the one that matches most of it."""
        found = max(self.rules, key=lambda rule: (rule.matched(name), len(rule.prefix)), default=None)
        return found if found is not None and found.matched(name) else None


def registries_file(environment: Mapping[str, str]) -> Rules:
    """Read the files that containers-registries.conf.d(5) names, in its order.

    That is CONTAINERS_REGISTRIES_CONF, else the user's own with what lies in its ``.d`` folder, else the system's with
    the system's folder and then the user's. Raises InvalidRegistriesFile, with the line.
    """
    own = user_configuration(environment, "containers/registries.conf")
    system = SYSTEM / "registries.conf"
    folders = [Path(f"{system}.d"), *([Path(f"{own}.d")] if own is not None else [])]
    if named := environment.get("CONTAINERS_REGISTRIES_CONF"):
        main = Path(named)
    elif own is not None and os.path.exists(own):
        main, folders = own, [Path(f"{own}.d")]
    else:
        main = system
    return read([main, *(path for folder in folders for path in _parts(folder))])


def read(paths: Iterable[Path]) -> Rules:
    """Read files, those that there are. Raises InvalidRegistriesFile."""
    rules: dict[str, Rule] = {}
    for path in paths:
        rules.update({rule.prefix: rule for rule in _read(path)})
    return Rules(tuple(rules.values()))


def _parts(folder: Path) -> list[Path]:
    try:
        return [folder / name for name in sorted(os.listdir(folder)) if name.endswith(".conf")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _read(path: Path) -> list[Rule]:
    import tomllib

    try:
        text = path.read_bytes().decode()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRegistriesFile(path, 0, f"it cannot be read: {error}", _HINT) from None
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))
        why = _PLACE.sub("", str(error)).strip()
        raise InvalidRegistriesFile(path, int(place[1]) if place else 0, why, _HINT) from None
    lines = [text.count("\n", 0, found.start()) + 1 for found in _TABLE.finditer(text)]
    tables = document.get("registry", [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise InvalidRegistriesFile(path, 0, "registries are written [[registry]]", _HINT)
    rules = []
    for number, table in enumerate(tables):
        line = lines[number] if len(lines) == len(tables) else 0
        rules.append(_Table(path, line).rule(table))
    return [*rules, *_of_the_older_form(path, document)]


def _of_the_older_form(path: Path, document: Mapping[str, Any]) -> list[Rule]:
    insecure, blocked = (_older_list(path, document, name) for name in ("insecure", "block"))
    return [
        Rule(name, "", name in insecure, name in blocked, (), str(path))
        for name in dict.fromkeys([*insecure, *blocked])
    ]


def _older_list(path: Path, document: Mapping[str, Any], name: str) -> list[str]:
    table = document.get("registries", {})
    for key in (name, "registries"):
        table = table.get(key, {}) if isinstance(table, dict) else None
    names = table or []
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise InvalidRegistriesFile(path, 0, f"registries.{name}.registries is not a list of text", _HINT)
    return names


class _Table:
    """One ``[[registry]]``, which begins at a line (0: nobody knows)."""

    def __init__(self, path: Path, line: int) -> None:
        self._path = path
        self._line = line

    def rule(self, table: Mapping[str, Any]) -> Rule:
        location, prefix = self._location(table, "location"), self._location(table, "prefix")
        if not location and not prefix:
            raise self._error("it has neither a prefix nor a location")
        entries = table.get("mirror", [])
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            raise self._error("mirrors are written [[registry.mirror]]")
        by_digest = self._flag(table, "mirror-by-digest-only")
        origin = f"{self._path}:{self._line}" if self._line else str(self._path)
        return Rule(
            prefix or location,
            "" if location == prefix else location if prefix else "",
            self._flag(table, "insecure"),
            self._flag(table, "blocked"),
            tuple(self._mirror(entry, by_digest) for entry in entries),
            origin,
        )

    def _mirror(self, entry: Mapping[str, Any], by_digest: bool) -> RuleMirror:
        location = self._location(entry, "location")
        if not location:
            raise self._error("a mirror has no location")
        wanted = entry.get("pull-from-mirror") or ("digest-only" if by_digest else "all")
        if wanted not in _WANTED:
            raise self._error(f"pull-from-mirror is one of {', '.join(_WANTED)}, not {wanted!r}")
        return RuleMirror(location, self._flag(entry, "insecure"), wanted)

    def _location(self, table: Mapping[str, Any], name: str) -> str:
        value = table.get(name, "")
        if not isinstance(value, str):
            raise self._error(f"{name} is not text")
        if "://" in value:
            raise self._error(f"{name} {value[:200]!r} is a URL, and only host[:port]/path is wanted")
        return value.rstrip("/")

    def _flag(self, table: Mapping[str, Any], name: str) -> bool:
        value = table.get(name, False)
        if not isinstance(value, bool):
            raise self._error(f"{name} is neither true nor false")
        return value

    def _error(self, why: str) -> InvalidRegistriesFile:
        return InvalidRegistriesFile(self._path, self._line, why, _HINT)
