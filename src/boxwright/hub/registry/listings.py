"""Lists: tags of a repository, repositories, referrers of a manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence

from boxwright.hub.db.metadata import MetadataStore, Referrer, RepositoryUnknown
from boxwright.hub.registry.access import Gate
from boxwright.hub.registry.call import Call, Reply
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.paging import Page, next_link
from boxwright.hub.registry.routes import parse_digest
from boxwright.hub.registry.workers import Workers
from boxwright.oci import media

_MAX_REFERRERS_BYTES = 3 << 20
"""An index of referrers must stay below what clients read of a manifest, whatever annotations it repeats."""

_BATCH = 1000
"""Repositories that are looked at together, where the caller may not see all of them."""
_MAX_BATCHES = 20
"""And how many times for one page."""

_JSON = ("Content-Type", "application/json")


class ListingHandlers:
    """Every list is paged; one entry more than asked for tells whether another page follows."""

    __slots__ = ("_gate", "_metadata", "_workers")

    def __init__(self, metadata: MetadataStore, workers: Workers, gate: Gate) -> None:
        self._gate = gate
        self._metadata = metadata
        self._workers = workers

    async def tags(self, call: Call) -> Reply:
        name, page = call.route.name, Page.of(call.target)
        try:
            found = await self._workers.ask(self._metadata.tags, name, limit=page.limit + 1, last=page.last)
        except RepositoryUnknown as error:
            raise RegistryError("NAME_UNKNOWN", error.message, data={"name": name}) from None
        return names_reply(call, {"name": name}, "tags", found, page)

    async def catalog(self, call: Call) -> Reply:
        """List the repositories that the caller may pull.

        What others keep to themselves is passed over, but not for ever: a page may then be short of what was asked for
        and have a successor all the same.
        """
        page = Page.of(call.target)
        found: list[str] = []
        last = page.last
        for _ in range(_MAX_BATCHES):
            limit = page.limit + 1 if call.permit.sees_all else max(page.limit + 1, _BATCH)
            batch = await self._workers.ask(self._metadata.repositories, limit=limit, last=last)
            found += await self._gate.visible(call.permit, batch)
            if len(batch) < limit or len(found) > page.limit:
                return names_reply(call, {}, "repositories", found, page)
            last = batch[-1]
        headers = [_JSON]
        if page.limit and last is not None:
            headers.append(next_link(call.target.path, page, last))
        return Reply(200, headers, json.dumps({"repositories": found}).encode())

    async def referrers(self, call: Call) -> Reply:
        name, subject, page = call.route.name, parse_digest(call.route.reference), Page.of(call.target)
        wanted = call.target.first("artifactType") or None
        found = await self._workers.ask(
            self._metadata.referrers,
            name,
            subject,
            artifact_type=wanted,
            limit=page.limit + 1,
            last=page.last,
        )
        return referrers_reply(call, found, page)


def names_reply(call: Call, head: dict[str, str], key: str, found: list[str], page: Page) -> Reply:
    """Return a page of names: `found` has one more than the page, where another page follows."""
    shown = found[: page.limit]
    headers = [_JSON]
    if shown and len(found) > len(shown):
        headers.append(next_link(call.target.path, page, shown[-1], ns=call.target.first("ns")))
    return Reply(200, headers, json.dumps({**head, key: shown}).encode())


def referrers_reply(call: Call, found: Sequence[Referrer], page: Page) -> Reply:
    """Return a page of referrers, of the type that the call wants alone; `found` is as for `names_reply`."""
    wanted = call.target.first("artifactType") or None
    shown = _fitting([_descriptor(one) for one in found[: page.limit]])
    headers = [("Content-Type", media.OCI_INDEX)]
    if wanted:
        headers.append(("OCI-Filters-Applied", "artifactType"))
    if shown and len(shown) < len(found):
        more = {"artifactType": wanted, "ns": call.target.first("ns")}
        headers.append(next_link(call.target.path, page, found[len(shown) - 1].digest, **more))
    head = f'"schemaVersion":2,"mediaType":"{media.OCI_INDEX}"'
    return Reply(200, headers, f'{{{head},"manifests":[{",".join(shown)}]}}'.encode())


def _descriptor(referrer: Referrer) -> str:
    value: dict[str, object] = {
        "mediaType": referrer.media_type,
        "digest": referrer.digest,
        "size": referrer.size,
    }
    if referrer.artifact_type:
        value["artifactType"] = referrer.artifact_type
    if referrer.annotations:
        value["annotations"] = dict(referrer.annotations)
    return json.dumps(value, separators=(",", ":"))


def _fitting(descriptors: Sequence[str]) -> list[str]:
    """Return as many as an index may hold: at least one, so that paging always moves on."""
    shown: list[str] = []
    total = 0
    for descriptor in descriptors:
        total += len(descriptor) + 1
        if shown and total > _MAX_REFERRERS_BYTES:
            break
        shown.append(descriptor)
    return shown
