"""Containers: a row each, and a directory for the layer on top, the runtime's bundle, logs and exit code."""

from __future__ import annotations

import json
import os
import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from boxwright.errors import ConflictError, InvalidError, NotFoundError
from boxwright.host import faults
from boxwright.host.locks import locked, try_lock
from boxwright.host.paths import Path
from boxwright.oci.digest import ChainID, Digest
from boxwright.store.database import Database, Row, Value
from boxwright.store.layout import Layout
from boxwright.store.trash import remove_directories
from boxwright.values import NamedTuple

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_.-]+"
_HEX = frozenset("0123456789abcdef")


class ContainerNotFound(NotFoundError):
    def __init__(self, text: str) -> None:
        super().__init__(f"no such container: {text}", hint="list all of them: boxwright ps -a")
        self.text = text


class AmbiguousContainer(ConflictError):
    """Several containers' IDs begin with what was given."""

    def __init__(self, text: str, ids: Iterable[str]) -> None:
        self.ids = tuple(ids)
        super().__init__(
            f"container ID {text} is ambiguous: {len(self.ids)} containers begin with it",
            detail=[f"  {id}" for id in self.ids[:10]],
            hint="give more digits",
        )


class ContainerNameInUse(ConflictError):
    def __init__(self, name: str, id: str) -> None:
        super().__init__(
            f'the container name "{name}" is already in use by container {id[:12]}',
            hint=f"choose another --name, or remove it first: boxwright rm {name}",
        )
        self.name = name
        self.id = id


class InvalidContainerName(InvalidError):
    def __init__(self, name: str) -> None:
        super().__init__(
            f"invalid container name {name[:100]!r}",
            hint="a name has two or more of a-z, A-Z, 0-9, '_', '.', '-' and begins with a letter or digit",
        )


class ContainerRecord(NamedTuple):
    id: str
    """64 hex digits."""
    name: str
    image: Digest | None
    image_name: str
    """The image as it was named when the container was made."""
    created: str
    state: str
    """creating, created, running, paused, restarting, removing, exited or dead.

    One that is *creating* isn't whole yet; its maker holds its lock."""
    pid: int | None = None
    """Of the first process, while it runs."""
    exit_code: int | None = None
    started: str | None = None
    finished: str | None = None
    chain: ChainID | None = None
    """The topmost snapshot below its own layer."""
    config: Mapping[str, Any] = {}
    """JSON: what it was created with."""
    status: Mapping[str, Any] = {}
    """JSON: what else changes while it lives (why it died, restarts, health)."""

    @property
    def is_running(self) -> bool:
        """Whether it has processes: they may be paused or about to be started again."""
        return self.state in ("running", "paused", "restarting")


_FIELDS = ContainerRecord._fields
_COLUMNS = ", ".join(_FIELDS)
_JSON = ("config", "status")


class ContainerStore:
    __slots__ = ("_database", "_layout")

    def __init__(self, layout: Layout, database: Database) -> None:
        self._layout = layout
        self._database = database

    def add(self, record: ContainerRecord) -> None:
        """Add a container and make its empty directory.

        Raises ContainerNameInUse, InvalidContainerName, and ConflictError when its layers were removed meanwhile.
        """
        if not re.fullmatch(_NAME, record.name):
            raise InvalidContainerName(record.name)
        directory = self.directory(record.id)
        try:
            with self._database.transaction():
                holder = self._database.row("SELECT id FROM containers WHERE name = ?", record.name)
                if holder is not None:
                    raise ContainerNameInUse(record.name, holder[0])
                if self.get(record.id) is not None:
                    raise ConflictError(f"container {record.id[:12]} exists already")
                # Inside the transaction: a collector sees the directory together with its row or not at all.
                remove_directories([directory])  # of a container whose maker was killed
                directory.mkdir(mode=0o711)
                faults.point("a container's directory is made, without its row")
                marks = ", ".join("?" * len(_FIELDS))
                self._database.run(f"INSERT INTO containers ({_COLUMNS}) VALUES ({marks})", *_values(record))
        except sqlite3.IntegrityError:
            directory.rmdir()
            raise ConflictError(
                f"the layers of image {record.image_name} are gone", hint="pull or build it again"
            ) from None

    def get(self, id: str) -> ContainerRecord | None:
        row = self._database.row(f"SELECT {_COLUMNS} FROM containers WHERE id = ?", id)
        return _record(row) if row else None

    def find(self, text: str) -> ContainerRecord:
        """Return the container with this ID, this name, or an ID that begins so, in this order, as docker has it.

        Raises ContainerNotFound, AmbiguousContainer.
        """
        name = text.removeprefix("/")  # docker's API shows names with a slash
        row = self._database.row(
            f"SELECT {_COLUMNS} FROM containers WHERE id = ? OR name = ? ORDER BY id = ? DESC", text, name, text
        )
        if row:
            return _record(row)
        if 0 < len(text) <= 64 and _HEX.issuperset(text):
            rows = self._database.rows(
                f"SELECT {_COLUMNS} FROM containers WHERE id >= ? AND id < ? ORDER BY id", text, text + "g"
            )
            if len(rows) > 1:
                raise AmbiguousContainer(text, [row[0] for row in rows])
            if rows:
                return _record(rows[0])
        raise ContainerNotFound(text)

    def update(self, id: str, **changes: Any) -> ContainerRecord:
        """Change columns in one transaction and return the new record; names are those of ContainerRecord.

        A mapping for `status` is merged into the one that is there (a value of None removes its key). Raises
        ContainerNotFound, ContainerNameInUse, InvalidContainerName.
        """
        if not changes.keys() <= set(_FIELDS) - {"id"}:
            raise TypeError(f"not columns of a container: {', '.join(sorted(changes.keys() - set(_FIELDS)))}")
        if "name" in changes and not re.fullmatch(_NAME, changes["name"]):
            raise InvalidContainerName(changes["name"])
        with self._database.transaction():
            record = self.get(id)
            if record is None:
                raise ContainerNotFound(id)
            if "name" in changes:
                holder = self._database.row("SELECT id FROM containers WHERE name = ? AND id <> ?", changes["name"], id)
                if holder is not None:
                    raise ContainerNameInUse(changes["name"], holder[0])
            if "status" in changes:
                merged = {**record.status, **changes["status"]}
                changes["status"] = {name: value for name, value in merged.items() if value is not None}
            record = record._replace(**changes)
            columns = ", ".join(f"{name} = ?" for name in changes)
            values = dict(zip(_FIELDS, _values(record), strict=True))
            self._database.run(f"UPDATE containers SET {columns} WHERE id = ?", *(values[name] for name in changes), id)
        return record

    def remove(self, id: str) -> bool:
        """Forget a container and remove its directory; return whether it was there.

        Whatever was mounted below the directory is unmounted already, and nothing runs in it. Its addresses and its
        claims on volumes go with it. Raises StillMounted, with the row gone and the rest left to garbage collection.
        """
        directory = self.directory(id)
        gone = self._database.run("DELETE FROM containers WHERE id = ?", id) > 0
        faults.point("a container's row is gone, not its directory")
        if gone:
            remove_directories([directory])
            self._layout.lock("container", id).unlink(missing_ok=True)
        return gone

    def using(self, image: Digest) -> list[ContainerRecord]:
        """Return the containers made of an image, newest first."""
        sql = f"SELECT {_COLUMNS} FROM containers WHERE image = ? ORDER BY created DESC, id"
        return [_record(row) for row in self._database.rows(sql, image)]

    @contextmanager
    def lock(self, id: str) -> Iterator[None]:
        """Hold one container's life cycle: start, stop and remove happen one after the other."""
        path = self._layout.lock("container", id)
        with locked(path):
            try:
                yield
            finally:
                if self.get(id) is None:  # it was removed while we waited: nobody else will take the file away
                    path.unlink(missing_ok=True)

    @contextmanager
    def lock_at_once(self, id: str) -> Iterator[bool]:
        """Hold it as `lock` does and yield True, or yield False when somebody else holds it."""
        path = self._layout.lock("container", id)
        fd = try_lock(path)
        if fd is None:
            yield False
            return
        try:
            yield True
        finally:
            if self.get(id) is None:
                path.unlink(missing_ok=True)
            os.close(fd)

    def directory(self, id: str) -> Path:
        """Return the container's own directory: ``upper``, ``work``, the runtime's bundle, logs and exit code."""
        return self._layout.containers / id

    def list(self) -> list[ContainerRecord]:
        """Return all containers, newest first."""
        return [
            _record(row) for row in self._database.rows(f"SELECT {_COLUMNS} FROM containers ORDER BY created DESC, id")
        ]


def _values(record: ContainerRecord) -> list[Value]:
    flat = record._asdict()
    flat.update({name: json.dumps(flat[name], separators=(",", ":"), ensure_ascii=False) for name in _JSON})
    return list(flat.values())


def _record(row: Row) -> ContainerRecord:
    values = dict(zip(_FIELDS, row, strict=True))
    values["config"], values["status"] = json.loads(values["config"]), json.loads(values["status"])
    values["image"] = Digest(values["image"]) if values["image"] else None
    values["chain"] = ChainID(Digest(values["chain"])) if values["chain"] else None
    return ContainerRecord(**values)
