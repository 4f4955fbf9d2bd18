"""Use-cases that look: list containers, their ports, processes and changes."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence

from boxwright.engine import filters as filtering
from boxwright.engine.containers import health
from boxwright.engine.containers.config import ContainerConfig
from boxwright.engine.containers.restarts import is_awaited
from boxwright.errors import InvalidError
from boxwright.oci.digest import Digest
from boxwright.store.containers import ContainerRecord
from boxwright.store.store import Store
from boxwright.values import NamedTuple

FILTERS = (
    *("id", "name", "label", "status", "ancestor", "exited", "before", "since", "volume", "network", "publish"),
    *("expose", "health", "is-task"),
)
_STATES = ("created", "running", "paused", "restarting", "removing", "exited", "dead")


class ContainerRow(NamedTuple):
    """One line of ``ps``."""

    id: str
    name: str
    image: str
    command: tuple[str, ...]
    created: str
    state: str
    started: str | None
    finished: str | None
    exit_code: int | None
    ports: tuple[str, ...]
    """As docker writes them: ``0.0.0.0:8080->80/tcp``."""
    labels: Mapping[str, str]
    mounts: tuple[str, ...]
    local_volumes: int
    """How many of the mounts are volumes."""
    network: str
    health: str
    """``starting``, ``healthy``, ``unhealthy``, or ``none``."""
    size_rw: int
    """Bytes of content in the files that it has written; 0 unless asked for."""
    size_root: int
    """The same with the image's."""


class PortRow(NamedTuple):
    """One published port of a running container."""

    port: int
    protocol: str
    host_address: str
    host_port: int


def rows(
    store: Store,
    records: Sequence[ContainerRecord],
    *,
    all: bool = False,
    filters: Mapping[str, Sequence[str]] | None = None,
    last: int | None = None,
    size: bool = False,
) -> list[ContainerRow]:
    """Return `records` (newest first) as ``ps`` shows them. Raises InvalidFilter, ContainerNotFound, ImageNotFound."""
    filters = filters or {}
    filtering.check(filters, FILTERS)
    if last is not None and last > 0:
        records, all = records[:last], True
    if "status" in filters or "exited" in filters:
        all = True
    chosen = [record for record in records if all or record.is_running or is_awaited(record)]
    if filtering.boolean("is-task", filters.get("is-task", ())):
        return []  # those are swarm's
    for name, values in filters.items():
        chosen = _filtered(store, chosen, name, values)
    return [_row(store, record, size=size) for record in chosen]


def ports(record: ContainerRecord, wanted: str | None = None) -> list[PortRow]:
    """Return the published ports, or those of one port of the container. Raises InvalidError when it has none."""
    found = [
        PortRow(int(port), protocol, host, int(host_port))
        for host, host_port, port, protocol in (record.status.get("ports") or ())
        if record.is_running
    ]
    found.sort(key=lambda row: (row.port, row.protocol, ":" in row.host_address))
    if wanted is None:
        return found
    number, _, protocol = wanted.partition("/")
    matching = [row for row in found if str(row.port) == number and row.protocol == (protocol or "tcp").lower()]
    if not matching:
        raise InvalidError(f"no public port {number}/{protocol or 'tcp'} published for {record.name}")
    return matching


def _row(store: Store, record: ContainerRecord, *, size: bool) -> ContainerRow:
    config = ContainerConfig.from_json(record.config)
    size_rw = size_root = 0
    if size:
        from boxwright.host.trees import content_size

        image = store.images.get(record.image) if record.image else None
        size_rw = content_size(store.containers.directory(record.id) / "upper")
        size_root = size_rw + (image.size if image else 0)
    shown = [
        f"{f'[{row.host_address}]' if ':' in row.host_address else row.host_address}:{row.host_port}"
        f"->{row.port}/{row.protocol}"
        for row in ports(record)
    ]
    published = {f"{row.port}/{row.protocol}" for row in ports(record)}
    if record.is_running:
        shown = [*(port for port in config.exposed if port not in published), *shown]
    return ContainerRow(
        record.id,
        record.name,
        _image_name(store, record),
        config.options.argv,
        record.created,
        "restarting" if is_awaited(record) else record.state,
        record.started,
        record.finished,
        record.exit_code,
        tuple(shown),
        config.labels,
        tuple(mount.volume or mount.source for mount in config.mounts if mount.kind != "tmpfs"),
        sum(mount.kind == "volume" for mount in config.mounts),
        "" if config.network.startswith("container:") else config.network,
        health.status_of(record),
        size_rw,
        size_root,
    )


def _image_name(store: Store, record: ContainerRecord) -> str:
    """Return the name it was created with, or its ID once that name means another image."""
    from boxwright.errors import BoxwrightError

    try:
        if record.image is None or store.images.find(record.image_name).id == record.image:
            return record.image_name
    except BoxwrightError:  # gone or ambiguous by now: the ID still says what it is
        pass
    return record.image.short if record.image else record.image_name


def _filtered(store: Store, records: list[ContainerRecord], name: str, values: Sequence[str]) -> list[ContainerRecord]:
    if name in ("before", "since"):
        limit = store.containers.find(values[-1]).created
        return [
            record for record in records if (record.created < limit if name == "before" else record.created > limit)
        ]
    if name == "ancestor":
        wanted = {id for value in values for id in _descendants(store, value)}
        return [record for record in records if record.image in wanted]
    if name == "status":
        for value in values:
            if value not in _STATES:
                raise filtering.InvalidFilter(f"invalid filter status={value}", _STATES)
        return [record for record in records if ("restarting" if is_awaited(record) else record.state) in values]
    if name == "is-task":
        return records
    return [record for record in records if _matches(record, name, values)]


def _matches(record: ContainerRecord, name: str, values: Sequence[str]) -> bool:
    config = ContainerConfig.from_json(record.config)
    if name == "label":
        return filtering.labels_match(config.labels, values)
    if name == "id":
        return any(record.id.startswith(value) for value in values)
    if name == "name":
        return any(re.search(value.removeprefix("/"), record.name) for value in values)
    if name == "exited":
        return record.state == "exited" and any(value == str(record.exit_code) for value in values)
    if name == "volume":
        places = [place for mount in config.mounts for place in (mount.volume, mount.source, mount.target)]
        return any(fnmatch.fnmatchcase(place, value) for place in places if place for value in values)
    if name == "network":
        return config.network in values
    if name == "health":
        return health.status_of(record) in values
    wanted = {value if "/" in value else f"{value}/tcp" for value in values}
    if name == "publish":
        return bool(wanted & {f"{row.host_port}/{row.protocol}" for row in ports(record)})
    return bool(wanted & set(config.exposed))


def _descendants(store: Store, text: str) -> set[Digest]:
    """Return an image and every image that was made of it here."""
    from boxwright.store.images import ImageNotFound

    try:
        todo = [store.images.find(text).id]
    except ImageNotFound:
        return set()
    found: set[Digest] = set()
    while todo:
        id = todo.pop()
        if id not in found:
            found.add(id)
            todo += [child.id for child in store.images.children(id)]
    return found
