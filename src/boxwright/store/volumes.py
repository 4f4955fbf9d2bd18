"""Volumes: named directories that outlive containers."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Mapping

from boxwright.errors import ConflictError, InvalidError, NotFoundError
from boxwright.host import faults
from boxwright.host.clock import rfc3339
from boxwright.host.paths import Path
from boxwright.store.database import Database, Row
from boxwright.store.layout import Layout
from boxwright.store.trash import remove_directories
from boxwright.values import NamedTuple

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_.-]+"
_COLUMNS = "name, driver, created, anonymous, labels, options"


class VolumeNotFound(NotFoundError):
    def __init__(self, name: str) -> None:
        super().__init__(f"no such volume: {name}", hint="list what is here: boxwright volume ls")
        self.name = name


class VolumeInUse(ConflictError):
    def __init__(self, name: str, containers: tuple[str, ...]) -> None:
        super().__init__(
            f"volume {name} is in use by container {', '.join(id[:12] for id in containers)}",
            hint="remove the container first: boxwright rm",
        )
        self.name = name
        self.containers = containers


class InvalidVolumeName(InvalidError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"invalid volume name {name[:100]!r}",
            hint="a name has two or more of a-z, A-Z, 0-9, '_', '.', '-'; a directory of the host begins with / or ./",
        )


class Volume(NamedTuple):
    name: str
    driver: str
    created: str
    """RFC 3339."""
    anonymous: bool
    """Made for one container without being named: removed with it by ``rm -v``."""
    labels: Mapping[str, str]
    options: Mapping[str, str]


class VolumeStore:
    __slots__ = ("_database", "_layout")

    def __init__(self, layout: Layout, database: Database) -> None:
        self._layout = layout
        self._database = database

    def create(
        self,
        name: str | None = None,
        *,
        driver: str = "local",
        labels: Mapping[str, str] | None = None,
        options: Mapping[str, str] | None = None,
    ) -> Volume:
        """Return the volume of this name, made when there is none; without a name, an anonymous one.

        Idempotent by name: an existing volume keeps its labels and options. Raises InvalidVolumeName.
        """
        anonymous = name is None
        if name is None:
            name = os.urandom(32).hex()
        elif not re.fullmatch(_NAME, name):
            raise InvalidVolumeName(name)
        with self._database.transaction():
            existing = self.get(name)
            if existing is not None:
                return existing
            # What a removed volume of this name may have left behind is not this volume's.
            remove_directories([self.path(name).parent])
            self.path(name).mkdir(parents=True)
            self.path(name).chmod(0o755)  # containers' users shall reach it: whatever the umask
            faults.point("a volume's directory is made, without its row")
            volume = Volume(name, driver, rfc3339(), anonymous, labels or {}, options or {})
            self._database.run(
                f"INSERT INTO volumes ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
                *(name, driver, volume.created, int(anonymous)),
                *(json.dumps(dict(volume.labels)), json.dumps(dict(volume.options))),
            )
        return volume

    def get(self, name: str) -> Volume | None:
        row = self._database.row(f"SELECT {_COLUMNS} FROM volumes WHERE name = ?", name)
        return _volume(row) if row else None

    def require(self, name: str) -> Volume:
        """Return the volume. Raises VolumeNotFound."""
        found = self.get(name)
        if found is None:
            raise VolumeNotFound(name)
        return found

    def path(self, name: str) -> Path:
        """Return the directory that is mounted into containers."""
        return self._layout.volumes / name / "data"

    def attach(self, name: str, container: str) -> None:
        """Note that a container (whose row exists) uses a volume: until it is removed the volume stays. Idempotent.

        Raises VolumeNotFound.
        """
        try:
            self._database.run("INSERT OR IGNORE INTO volume_uses (volume, container) VALUES (?, ?)", name, container)
        except sqlite3.IntegrityError:
            self.require(name)
            raise

    def users(self, name: str) -> tuple[str, ...]:
        """Return the IDs of the containers that use a volume."""
        rows = self._database.rows("SELECT container FROM volume_uses WHERE volume = ? ORDER BY container", name)
        return tuple(row[0] for row in rows)

    def used_by(self, container: str) -> list[Volume]:
        """Return the volumes that a container uses."""
        rows = self._database.rows(
            f"SELECT {_COLUMNS} FROM volumes JOIN volume_uses ON volume = name WHERE container = ? ORDER BY name",
            container,
        )
        return [_volume(row) for row in rows]

    def remove(self, name: str) -> None:
        """Remove a volume and what is in it. Raises VolumeNotFound, VolumeInUse."""
        with self._database.transaction():
            self.require(name)
            users = self.users(name)
            if users:
                raise VolumeInUse(name, users)
            self._database.run("DELETE FROM volumes WHERE name = ?", name)
        remove_directories([self.path(name).parent])

    def list(self) -> list[Volume]:
        return [_volume(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM volumes ORDER BY name")]


def _volume(row: Row) -> Volume:
    name, driver, created, anonymous, labels, options = row
    return Volume(name, driver, created, bool(anonymous), json.loads(labels), json.loads(options))
