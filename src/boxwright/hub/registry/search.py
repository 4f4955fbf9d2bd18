"""Docker's search of version 1: ``/v1/search?q=web&n=25``, over the names of the repositories that are here."""

from __future__ import annotations

import json

from boxwright.hub.db.metadata import MetadataStore
from boxwright.hub.registry.access import Gate
from boxwright.hub.registry.call import Call, Reply
from boxwright.hub.registry.errors import RegistryError
from boxwright.hub.registry.workers import Workers

_PAGE = 25
_MAX_PAGE = 100
_MAX_QUERY = 255
_BATCH = 1000
"""Repositories that are looked at together, where the caller may not see all of them."""
_MAX_BATCHES = 20
"""And how many times for one answer."""


class Search:
    """Finds repositories by a part of their names; only those that the caller may pull."""

    __slots__ = ("_gate", "_metadata", "_workers")

    def __init__(self, metadata: MetadataStore, workers: Workers, gate: Gate) -> None:
        self._gate = gate
        self._metadata = metadata
        self._workers = workers

    async def find(self, call: Call) -> Reply:
        """Answer with at most ``n`` repositories (25; 100 at most) whose names hold ``q``, in their order.

        Raises RegistryError for an ``n`` that is no number.
        """
        query = (call.target.first("q") or "").strip().lower()[:_MAX_QUERY]
        limit = _limit(call.target.first("n"))
        found: list[str] = []
        last: str | None = None
        for _ in range(_MAX_BATCHES):
            batch_size = limit if call.permit.sees_all else _BATCH
            batch = await self._workers.ask(self._metadata.repositories, limit=batch_size, last=last, containing=query)
            found += await self._gate.visible(call.permit, batch)
            if len(batch) < batch_size or len(found) >= limit:
                break
            last = batch[-1]
        results = [_result(name) for name in found[:limit]]
        value = {
            "num_pages": 1,
            "num_results": len(results),
            "page": 1,
            "page_size": limit,
            "query": query,
            "results": results,
        }
        return Reply(200, [("Content-Type", "application/json")], json.dumps(value).encode())


def _limit(text: str | None) -> int:
    if not text:
        return _PAGE
    if not (text.isascii() and text.isdigit()):
        raise RegistryError("PAGINATION_NUMBER_INVALID", f"n is not a number: {text[:40]!r}", data={"n": text[:40]})
    return max(1, min(int(text[:9]), _MAX_PAGE))


def _result(name: str) -> dict[str, object]:
    return {"name": name, "description": "", "star_count": 0, "is_official": False, "is_automated": False}
