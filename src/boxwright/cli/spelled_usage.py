"""``system df -v``: what every image, container, volume and cached step takes, in docker's tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from boxwright.cli import human, table
from boxwright.cli.commands import ps

if TYPE_CHECKING:
    from boxwright.engine.engine import Engine
    from boxwright.store.usage import Usage

_Table = tuple[str, str, list[dict[str, Any]], dict[str, str]]
"""Docker's name for it in JSON, its title, its rows, and heading → field of a row."""


def write(out: TextIO, engine: Engine, form: str | None) -> None:
    """Print the tables; with ``--format`` all of them as one value, as docker does. Raises TemplateError."""
    tables = _tables(engine, engine.usage())
    if form in (None, "", "table"):
        for number, (_, title, rows, columns) in enumerate(tables):
            out.write(("\n" if number else "") + title + "\n\n")
            table.write(out, list(columns), [[str(row[field]) for field in columns.values()] for row in rows])
        return
    assert form is not None
    value = {name: rows for name, _, rows, _ in tables}
    if form == "json":
        import json

        out.write(json.dumps(value, separators=(",", ":"), ensure_ascii=False) + "\n")
        return
    from boxwright.cli.template import Template

    out.write(Template(form).render(value) + "\n")


def _tables(engine: Engine, usage: Usage) -> list[_Table]:
    cache = usage.cache + sum(mount.size for mount in usage.cache_mounts)
    return [
        ("Images", "Images space usage:", _images(engine, usage), _IMAGE),
        ("Containers", "Containers space usage:", _containers(engine, usage), _CONTAINER),
        ("Volumes", "Local Volumes space usage:", _volumes(usage), _VOLUME),
        ("BuildCache", f"Build cache usage: {human.size(cache)}", _cache(usage), _CACHE),
    ]


_IMAGE = {
    "REPOSITORY": "Repository",
    "TAG": "Tag",
    "IMAGE ID": "ID",
    "CREATED": "CreatedSince",
    "SIZE": "Size",
    "SHARED SIZE": "SharedSize",
    "UNIQUE SIZE": "UniqueSize",
    "CONTAINERS": "Containers",
}
_CONTAINER = {
    "CONTAINER ID": "ID",
    "IMAGE": "Image",
    "COMMAND": "Command",
    "LOCAL VOLUMES": "LocalVolumes",
    "SIZE": "Size",
    "CREATED": "RunningFor",
    "STATUS": "Status",
    "NAMES": "Names",
}
_VOLUME = {"VOLUME NAME": "Name", "LINKS": "Links", "SIZE": "Size"}
_CACHE = {"CACHE ID": "ID", "CACHE TYPE": "CacheType", "SIZE": "Size", "SHARED": "Shared"}


def _images(engine: Engine, usage: Usage) -> list[dict[str, Any]]:
    measured = {image.id: image for image in usage.images}
    rows = []
    for row in engine.images():
        image = measured.get(row.record.id)
        if image is not None:  # else it came in between
            rows.append(
                {
                    "Repository": row.repository,
                    "Tag": row.tag,
                    "ID": row.record.id.short,
                    "CreatedSince": human.ago(row.record.created),
                    "Size": human.size(image.size, 3),
                    "SharedSize": human.size(image.shared),
                    "UniqueSize": human.size(image.size - image.shared),
                    "Containers": str(image.containers),
                }
            )
    return rows


def _containers(engine: Engine, usage: Usage) -> list[dict[str, Any]]:
    sizes = {container.id: container.size for container in usage.containers}
    return [
        {
            "ID": row.id[:12],
            "Image": row.image,
            "Command": f'"{human.shortened(" ".join(row.command), 20)}"',
            "LocalVolumes": str(row.local_volumes),
            "Size": human.size(sizes.get(row.id, 0), 3),
            "RunningFor": human.ago(row.created),
            "Status": ps.status(row),
            "Names": row.name,
        }
        for row in engine.containers(all=True)
    ]


def _volumes(usage: Usage) -> list[dict[str, Any]]:
    return [
        {"Name": volume.name, "Links": str(volume.containers), "Size": human.size(volume.size)}
        for volume in usage.volumes
    ]


def _cache(usage: Usage) -> list[dict[str, Any]]:
    steps = [
        {
            "ID": step.key.removeprefix("sha256:")[:12],
            "CacheType": "regular",
            "Size": human.size(step.size),
            "Shared": str(step.shared).lower(),
        }
        for step in usage.steps
    ]
    mounts = [
        {"ID": mount.name[:12], "CacheType": "exec.cachemount", "Size": human.size(mount.size), "Shared": "false"}
        for mount in usage.cache_mounts
    ]
    return steps + mounts
