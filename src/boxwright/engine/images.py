"""Use-cases of images: list, look into, name, remove."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from boxwright.engine import filters as filtering
from boxwright.errors import InvalidError
from boxwright.oci.digest import Digest
from boxwright.oci.reference import DEFAULT_DOMAIN, Reference
from boxwright.store.images import ImageRecord, id_digits
from boxwright.store.store import Store
from boxwright.values import NamedTuple

LIST_FILTERS = ("dangling", "label", "before", "since", "reference", "until")


class ImageRow(NamedTuple):
    """One line of ``images``: an image under one of its names."""

    record: ImageRecord
    repository: str
    """As docker shows it, or ``<none>``."""
    tag: str
    digest: str
    """Of the manifest it was pulled or pushed with, or ``<none>``."""
    labels: Mapping[str, str]


class HistoryRow(NamedTuple):
    """One line of ``history``, the newest first."""

    id: Digest | None
    """The image at this point when the store has it, else None."""
    created: str
    created_by: str
    size: int
    """Bytes of files that the step added."""
    comment: str
    tags: tuple[str, ...]


def list_images(
    store: Store,
    pattern: str | None = None,
    *,
    filters: Mapping[str, Sequence[str]] | None = None,
    all: bool = False,
    with_labels: bool = False,
) -> list[ImageRow]:
    """Return the images, newest first, each once for every tag.

    `pattern` is a repository, with a tag or wildcards if wanted; `all` includes what builds made on their way.
    Raises InvalidFilter, and ImageNotFound for ``before=`` and ``since=``.
    """
    filters = filters or {}
    filtering.check(filters, LIST_FILTERS)
    dangling = filtering.boolean("dangling", filters.get("dangling", ()))
    records = _between(store, store.images.list(all=all), filters)
    names: dict[Digest, list[Reference]] = {}
    for ref, id in store.images.tags():
        names.setdefault(id, []).append(ref)
    digests: dict[Digest, list[Reference]] = {}
    for ref, id in store.images.all_repo_digests():
        digests.setdefault(id, []).append(ref)
    patterns = [*filters.get("reference", ()), *([pattern] if pattern else [])]
    rows: list[ImageRow] = []
    for record in records:
        # The configuration is a file of its own: read only where a label is asked for.
        labels = store.images.config(record).config.labels if with_labels or "label" in filters else {}
        if not filtering.labels_match(labels, filters.get("label", ())):
            continue
        found = _rows_of(record, names.get(record.id, []), digests.get(record.id, []), labels)
        if dangling is not None:
            found = [row for row in found if (row.tag == "<none>") == dangling]
        if patterns:
            found = [row for row in found if matches(row, patterns)]
        rows += found
    return rows


def _rows_of(
    record: ImageRecord, refs: list[Reference], digests: list[Reference], labels: Mapping[str, str]
) -> list[ImageRow]:
    rows = []
    by_repository = {ref.repository: str(ref.digest) for ref in digests}
    for ref in sorted(refs, key=str):
        digest = by_repository.get(ref.repository, "<none>")
        rows.append(ImageRow(record, ref.familiar_repository, ref.tag or "<none>", digest, labels))
    tagged = {ref.repository for ref in refs}
    for ref in sorted(digests, key=str):
        if ref.repository not in tagged:
            rows.append(ImageRow(record, ref.familiar_repository, "<none>", str(ref.digest), labels))
    return rows or [ImageRow(record, "<none>", "<none>", "<none>", labels)]


def matches(row: ImageRow, patterns: Sequence[str]) -> bool:
    """Tell whether a row's name fits one of `patterns`: ``repository[:tag]`` with wildcards, which stop at a slash."""
    for pattern in patterns:
        repository, tag = pattern, "*"
        if pattern.rfind(":") > pattern.rfind("/"):
            repository, _, tag = pattern.rpartition(":")
        wanted = repository.removeprefix(f"{DEFAULT_DOMAIN}/").removeprefix("library/").split("/")
        parts = row.repository.split("/")
        if len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, (*parts, row.tag), (*wanted, tag))):
            return True
    return False


def _between(store: Store, records: list[ImageRecord], filters: Mapping[str, Sequence[str]]) -> list[ImageRecord]:
    import time

    for text in filters.get("before", ()):
        limit = store.images.find(text).created
        records = [record for record in records if record.created < limit]
    for text in filters.get("since", ()):
        limit = store.images.find(text).created
        records = [record for record in records if record.created > limit]
    latest = filtering.until(filters.get("until", ()), time.time())
    if latest is not None:
        from boxwright.host.clock import rfc3339

        records = [record for record in records if record.created < rfc3339(latest)]
    return records


def history(store: Store, text: str) -> list[HistoryRow]:
    """Return the steps that made an image, the newest first. Raises ImageNotFound."""
    record = store.images.find(text)
    config = store.images.config(record)
    sizes = [snapshot.usage for snapshot in store.snapshots.stack(record.chain)]
    ids = _ids_on_the_way(store, record)
    rows: list[HistoryRow] = []
    layer = 0
    for entry in config.history:
        size = 0
        if not entry.empty_layer and layer < len(sizes):
            size = sizes[layer]
            layer += 1
        rows.append(HistoryRow(None, entry.created, entry.created_by, size, entry.comment, ()))
    for size in sizes[layer:]:  # layers that no history line speaks of
        rows.append(HistoryRow(None, config.created, "", size, "", ()))
    rows.reverse()
    for index, id in ids.items():
        if index < len(rows):
            tags = tuple(ref.familiar() for ref in store.images.refs(id))
            rows[index] = rows[index]._replace(id=id, tags=tags)
    return rows


def _ids_on_the_way(store: Store, record: ImageRecord) -> dict[int, Digest]:
    """Return the images that an image was made of: how many steps back → ID."""
    found = {0: record.id}
    length = len(store.images.config(record).history)
    parent = record.parent
    while parent is not None:
        below = store.images.get(parent)
        if below is None:
            break
        found.setdefault(length - len(store.images.config(below).history), parent)
        parent = below.parent
    return found


def tag(store: Store, source: str, target: str) -> None:
    """Give an image another name, with all platforms of the one that it is named by.

    Raises ImageNotFound, InvalidReference.
    """
    ref = Reference.parse(target)
    if ref.digest is not None:
        raise InvalidError(f"{target} has a digest, and a name for an image has none", hint="use name:tag")
    record = store.images.find(source)
    publication = None
    if len(id_digits(source)) != 64:
        named = Reference.parse(source)
        if named.digest is None and store.images.resolve(named) == record:
            publication = store.images.publication(named)
    store.images.tag(ref.with_default_tag(), record.id, publication)
